package eurekatest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// T is the lastDirtyTimestamp of Body.
const T = 1700000000000

// Body is the registration that ${B} stands for, in the form in which Netflix' client sends it.
const Body = `{"instance":{"instanceId":"i1","hostName":"host1.example","app":"MYAPP","ipAddr":"10.0.0.1","sid":"na",` +
	`"status":"UP","overriddenStatus":"UNKNOWN","port":{"$":8080,"@enabled":"true"},"securePort":{"$":443,"@enabled":"false"},` +
	`"countryId":1,"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},` +
	`"leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90,"registrationTimestamp":0,"lastRenewalTimestamp":0,` +
	`"evictionTimestamp":0,"serviceUpTimestamp":0},"metadata":{"@class":"java.util.Collections$EmptyMap"},` +
	`"homePageUrl":"http://host1.example:8080/","statusPageUrl":"http://host1.example:8080/info",` +
	`"healthCheckUrl":"http://host1.example:8080/health","vipAddress":"myapp","secureVipAddress":"myapp",` +
	`"isCoordinatingDiscoveryServer":"false","lastUpdatedTimestamp":"1699999999999","lastDirtyTimestamp":"1700000000000"}}`

// Case is one file: a conversation.
type Case struct {
	// Name is the file's, without its ending.
	Name  string
	steps []step
}

// step is one request and what has to come of it.
type step struct {
	before  []string // what has to happen first, in words
	method  string
	path    string
	headers [][2]string
	body    string

	status  int
	expect  [][2]string // headers; an empty value: must not be there
	pattern *regexp.Regexp
	text    string // what pattern was made from
}

// Load reads every case in a folder, in the order of their names.
func Load(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("eurekatest: no cases in " + dir)
	}
	slices.Sort(files)
	var cases []Case
	for _, file := range files {
		b, err := os.ReadFile(file) //nolint:gosec // The tests' own files.
		if err != nil {
			return nil, err
		}
		c, err := parse(strings.TrimSuffix(filepath.Base(file), ".txt"), string(b))
		if err != nil {
			return nil, fmt.Errorf("eurekatest: %s: %w", file, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// Needs is what a target has to be able to do for the case, beyond answering: "advance", "not", "ready", "wait", "node", "within".
func (c Case) Needs() []string {
	var needs []string
	for _, s := range c.steps {
		for _, words := range s.before {
			word, _, _ := strings.Cut(words, " ")
			needs = append(needs, word)
		}
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// Mentions reports whether a path of the case holds a text.
func (c Case) Mentions(text string) bool {
	return slices.ContainsFunc(c.steps, func(s step) bool { return strings.Contains(s.path, text) })
}

func parse(name, text string) (Case, error) {
	c := Case{Name: name}
	for part := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n====\n") {
		s, err := parseStep(part)
		if err != nil {
			return c, fmt.Errorf("step %d: %w", len(c.steps)+1, err)
		}
		c.steps = append(c.steps, s)
	}
	return c, nil
}

func parseStep(text string) (s step, err error) {
	request, answer, ok := strings.Cut(text, "\n----\n")
	if !ok {
		return s, errors.New("no ---- between a request and its answer")
	}
	lines := strings.Split(request, "\n")
	for len(lines) > 0 && (strings.HasPrefix(lines[0], "#") || strings.HasPrefix(lines[0], "! ") || lines[0] == "") {
		if what, ok := strings.CutPrefix(lines[0], "! "); ok {
			s.before = append(s.before, what)
		}
		lines = lines[1:]
	}
	first, headers, body := sections(strings.Join(lines, "\n"))
	if s.method, s.path, ok = strings.Cut(first, " "); !ok {
		return s, fmt.Errorf("%q is no request", first)
	}
	s.path, s.headers, s.body = fill(s.path), headers, fill(unfold(body))

	first, s.expect, body = sections(answer)
	if _, err := fmt.Sscan(first, &s.status); err != nil {
		return s, fmt.Errorf("%q is no status", first)
	}
	s.text = fill(unfold(body))
	pattern := regexp.QuoteMeta(s.text)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("${n}"), `\d+`)
	pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta("${...}"), `.*`)
	s.pattern, err = regexp.Compile(`(?s)^` + pattern + `$`)
	return s, err
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

// fill puts in place what stands for the registration and its time.
func fill(text string) string {
	return strings.NewReplacer("${B}", Body, "${T}", strconv.Itoa(T), "${T+1}", strconv.Itoa(T+1), "${T-1}", strconv.Itoa(T-1)).Replace(text)
}

// duration is the one in "wait 2s".
func duration(words string) (time.Duration, error) {
	_, text, _ := strings.Cut(words, " ")
	return time.ParseDuration(text)
}
