//go:build planted

package check

// planted is the bug that is planted here.
var planted string

// Plant plants a bug by its name, or none if the name is empty or not of this package. Only in the build of the
// simulator's mutation check, and only before anything of this package is used.
func Plant(bug string) { planted = bug }
