package measure

import "errors"

// ErrProc is wrapped by the error of what the kernel does not say of a process, or not in the form that is known.
var ErrProc = errors.New("measure: accounts of a process")

// Resident is the memory of a process that is in RAM, in bytes, and Peak the most it ever was.
type Resident struct{ Now, Peak int64 }
