//go:build !planted

package world

// planted is a bug in what the world does around the replicas: none, in this build.
const planted = ""

// Plant plants a bug: in this build, none.
func Plant(string) {}

// CanPlant says whether this build can plant bugs.
const CanPlant = false
