// This keeps the go command, and all that walks the packages of the module around it, out of node_modules.
module github.com/musterhq/muster/e2e/interop/js

go 1.26
