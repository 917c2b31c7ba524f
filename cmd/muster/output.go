package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// show prints what a node answered in the format that was asked for: body as it is, as YAML, or as the table that draw
// makes of it.
func (a *app) show(body []byte, draw func(t *table)) error {
	switch a.client.output {
	case formatJSON:
		return a.write(strings.TrimRight(string(body), "\n") + "\n")
	case formatYAML:
		y, err := toYAML(body)
		if err != nil {
			return err
		}
		return a.write(y)
	default:
		t := newTable(a.out)
		draw(t)
		return t.w.Flush()
	}
}

// showValue is show of something that no node answered as it is.
func (a *app) showValue(v any, draw func(t *table)) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.show(body, draw)
}

func (a *app) write(text string) error {
	_, err := io.WriteString(a.out, text)
	return err
}

// table aligns columns. A cell that is empty becomes "-", so that the columns stay where they are for those who cut.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer) *table { return &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)} }

func (t *table) row(cells ...any) {
	for i, c := range cells {
		text := strings.Map(printable, fmt.Sprint(c))
		if text == "" {
			text = "-"
		}
		if i > 0 {
			text = "\t" + text
		}
		_, _ = io.WriteString(t.w, text) // Flush reports it.
	}
	_, _ = io.WriteString(t.w, "\n")
}

// gap is an empty line; the columns below it are aligned among themselves.
func (t *table) gap() { _, _ = io.WriteString(t.w, "\n") }

// printable keeps what others have registered from moving the cursor of a terminal.
func printable(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return '?'
	}
	return r
}
