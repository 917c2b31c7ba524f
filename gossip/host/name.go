package host

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckName says what is wrong with a name of at most limit bytes, as the end of a sentence; nil if nothing is. A name is
// printable UTF-8 without space and slash.
func CheckName(s string, limit int) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > limit:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(s), limit)
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8")
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r == '/' || unicode.IsSpace(r) || !unicode.IsPrint(r) }); i >= 0 {
		return errors.New("contains a slash, a space or something that cannot be printed")
	}
	return nil
}
