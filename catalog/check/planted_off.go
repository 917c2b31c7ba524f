//go:build !planted

package check

// planted is the bug that is planted here, to see that the simulator finds it: none, in every build but that of its
// mutation check, so that the compiler leaves nothing of it.
const planted = ""
