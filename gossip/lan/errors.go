package lan

import "errors"

var (
	// ErrConfig is a Config that cannot work. The text names the field, the value and what is allowed. Nothing was
	// started.
	ErrConfig = errors.New("lan: bad configuration")
	// ErrBind is an address that cannot be listened on: taken, not this machine's, not permitted. Nothing was started.
	ErrBind = errors.New("lan: cannot listen")
	// ErrNameTaken is another node of the same name that is alive; the text has its address. The pool that was asked
	// has not taken this node in. Its operator has to choose another name.
	ErrNameTaken = errors.New("lan: name is taken")
	// ErrOtherDatacenter is a node of another data centre at an address that was joined; the text names both.
	ErrOtherDatacenter = errors.New("lan: other datacenter")
	// ErrKey is a node that has other encryption keys, or none, or has them and we have none.
	ErrKey = errors.New("lan: encryption keys do not match")
	// ErrVersion is a node whose range of wire versions does not meet ours.
	ErrVersion = errors.New("lan: wire versions do not match")
	// ErrUnreachable is an address that could not be resolved or did not answer in time.
	ErrUnreachable = errors.New("lan: no answer")
	// ErrTooLarge is a message above MaxPacket or MaxStream, or node metadata above 512 bytes. Nothing was sent.
	ErrTooLarge = errors.New("lan: too large")
	// ErrUnknownMember is a name that is not in the View, or whose member is not alive where it has to be.
	ErrUnknownMember = errors.New("lan: no such member")
	// ErrAlive is a member that cannot be forgotten because it is alive.
	ErrAlive = errors.New("lan: member is alive")
	// ErrClosed is a call on a pool after Close.
	ErrClosed = errors.New("lan: pool is closed")
)
