// Package world is a data centre.
package world
