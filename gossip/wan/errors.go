package wan

import "errors"

var (
	// ErrConfig is a Config that cannot work. The text names the field, the value and what is allowed. Nothing was
	// started.
	ErrConfig = errors.New("wan: bad configuration")
	// ErrBind is an address that cannot be listened on: taken, not this machine's, not permitted. Nothing was started.
	ErrBind = errors.New("wan: cannot listen")
	// ErrKey is a gateway that has other encryption keys, or none, or has them and we have none.
	ErrKey = errors.New("wan: encryption keys do not match")
	// ErrVersion is a gateway that speaks another version; the text names it and both versions.
	ErrVersion = errors.New("wan: versions do not match")
	// ErrRefused is a gateway that did not want our stream, or whose stream we did not want; the text says why.
	ErrRefused = errors.New("wan: stream refused")
	// ErrMalformed is bytes that no gateway sends.
	ErrMalformed = errors.New("wan: malformed")
	// ErrUnreachable is an address that could not be resolved or did not answer in time.
	ErrUnreachable = errors.New("wan: no answer")
	// ErrTooLarge is a message above MaxMessage, or tags above what Serf carries. Nothing was sent.
	ErrTooLarge = errors.New("wan: too large")
	// ErrNoLink is a gateway to which no link is up. Nothing was sent.
	ErrNoLink = errors.New("wan: no link")
	// ErrFull is a link whose queue has no room for the message. Nothing was sent; Config.OnDrained tells when to go on.
	ErrFull = errors.New("wan: queue is full")
	// ErrClosed is a call on a pool after Close.
	ErrClosed = errors.New("wan: pool is closed")
)
