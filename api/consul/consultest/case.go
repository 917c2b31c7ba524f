package consultest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Case is one file: a conversation.
type Case struct {
	// Name is the file's, without its ending.
	Name  string
	file  string
	steps []step
}

// step is one request and what has to come of it.
type step struct {
	head    []string // comments and lines that begin with !, as they stand
	words   [][]string
	method  string
	path    string
	headers [][2]string
	body    string
	request string // as it stands

	status int
	expect [][2]string // headers; an empty value: must not be there
	text   string
}

// Load reads every case in a folder, in the order of their names.
func Load(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("consultest: no cases in " + dir)
	}
	slices.Sort(files)
	var cases []Case
	for _, file := range files {
		b, err := os.ReadFile(file) //nolint:gosec // The tests' own files.
		if err != nil {
			return nil, err
		}
		c := Case{Name: strings.TrimSuffix(filepath.Base(file), ".txt"), file: file}
		for part := range strings.SplitSeq(strings.TrimRight(string(b), "\n"), "\n====\n") {
			s, err := parseStep(part)
			if err != nil {
				return nil, fmt.Errorf("consultest: %s, step %d: %w", file, len(c.steps)+1, err)
			}
			c.steps = append(c.steps, s)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// Needs reports whether a target has to be able to do something beyond answering: "wait", "not".
func (c Case) Needs(what string) bool {
	return slices.ContainsFunc(c.steps, func(s step) bool { return s.has(what) })
}

func (s *step) has(word string) bool {
	return slices.ContainsFunc(s.words, func(w []string) bool { return w[0] == word })
}

func parseStep(text string) (s step, err error) {
	request, answer, ok := strings.Cut(text+"\n", "\n----\n")
	if !ok {
		return s, errors.New("no ---- between a request and its answer")
	}
	lines := strings.Split(request, "\n")
	for len(lines) > 0 && (strings.HasPrefix(lines[0], "#") || strings.HasPrefix(lines[0], "! ") || lines[0] == "") {
		s.head = append(s.head, lines[0])
		if what, ok := strings.CutPrefix(lines[0], "! "); ok {
			s.words = append(s.words, strings.Fields(what))
		}
		lines = lines[1:]
	}
	s.request = strings.Join(lines, "\n")
	first, headers, body := sections(s.request)
	if s.method, s.path, ok = strings.Cut(first, " "); !ok {
		return s, fmt.Errorf("%q is no request", first)
	}
	s.headers, s.body = headers, unfold(body)
	first, s.expect, body = sections(strings.TrimRight(answer, "\n"))
	if _, err := fmt.Sscan(first, &s.status); err != nil {
		return s, fmt.Errorf("%q is no status", first)
	}
	s.text = unfold(body)
	return s, nil
}

// sections takes the first line, the headers and the body of a message apart.
func sections(text string) (first string, headers [][2]string, body string) {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		headers = append(headers, [2]string{name, strings.TrimSpace(value)})
	}
	return lines[0], headers, body
}

// unfold joins the lines of a body.
func unfold(body string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(body, "\n") {
		b.WriteString(strings.TrimLeft(line, " "))
	}
	return b.String()
}

// matches reports whether text is what is expected of it.
func matches(expected, text string) bool {
	pattern := regexp.QuoteMeta(expected)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("${n}"), `\d+`)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("${...}"), `.*`)
	ok, err := regexp.MatchString(`(?s)^`+pattern+`$`, text)
	return ok && err == nil
}

var indexes = regexp.MustCompile(`"(CreateIndex|ModifyIndex)":\d+`)

// record takes an answer for the expected one, where it is not.
func (s *step) record(a answer, expected string) {
	s.status = a.status
	for i, h := range s.expect {
		value := a.header.Get(h[0])
		if matches(h[1], value) {
			continue
		}
		if h[0] == "X-Consul-Index" {
			value = "${n}"
		}
		s.expect[i][1] = value
	}
	if !matches(expected, a.body) {
		s.text = indexes.ReplaceAllString(a.body, `"$1":$${n}`)
	}
}

// save writes the case as it was recorded.
func (c Case) save() error {
	var b strings.Builder
	for i, s := range c.steps {
		if i > 0 {
			b.WriteString("====\n")
		}
		for _, line := range s.head {
			b.WriteString(line + "\n")
		}
		fmt.Fprintf(&b, "%s\n----\n%d\n", s.request, s.status)
		for _, h := range s.expect {
			b.WriteString(strings.TrimRight(h[0]+": "+h[1], " ") + "\n")
		}
		if s.text != "" {
			b.WriteString("\n" + s.text + "\n")
		}
	}
	return os.WriteFile(c.file, []byte(b.String()), 0o600)
}
