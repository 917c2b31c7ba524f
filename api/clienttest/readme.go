package clienttest

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

var (
	errNoSnippet = errors.New("clienttest: no code in Go")
	errOther     = errors.New("clienttest: the program that is run has other lines")
)

// Readme compares the code in Go of a README's section with a source that is compiled: every block of it has to be there,
// line by line in one row, whatever the indentation. The section is named by its heading, such as "### kratos". The error
// says what is missing.
func Readme(readme, heading, source string) error {
	page, err := os.ReadFile(readme) //nolint:gosec // A test says which.
	if err != nil {
		return err
	}
	code, err := os.ReadFile(source) //nolint:gosec // A test says which.
	if err != nil {
		return err
	}
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	section, _, _ = strings.Cut(section, "\n#")
	compiled, blocks := flat(string(code)), 0
	for {
		_, rest, ok := strings.Cut(section, "```go\n")
		if !ok {
			break
		}
		block, after, _ := strings.Cut(rest, "```")
		if !strings.Contains(compiled, "\n"+flat(block)) {
			return fmt.Errorf("%w: %s of %s is not in %s:\n%s", errOther, heading, readme, source, block)
		}
		section, blocks = after, blocks+1
	}
	if !found || blocks == 0 {
		return fmt.Errorf("%w: %s of %s", errNoSnippet, heading, readme)
	}
	return nil
}

// flat is the lines without their indentation.
func flat(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}
