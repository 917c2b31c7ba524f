package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is one setting of an agent. Set takes the texts that one source gives for it, in place of what it was; a value
// that is no list gets exactly one. The error completes a sentence that begins with the setting's name. want is what a
// file has to give for it.
type value interface {
	set(texts []string) error
	want() kind
}

// kind is what a value is in a file, as its author sees it.
type kind string

const (
	kindText   kind = "a text"
	kindNumber kind = "a number"
	kindSwitch kind = "true or false"
	kindList   kind = "a list"
)

type textValue string

func (v *textValue) want() kind { return kindText }

func (v *textValue) set(texts []string) error {
	*v = textValue(texts[0])
	return nil
}

type listValue []string

func (v *listValue) want() kind { return kindList }

func (v *listValue) set(texts []string) error {
	*v = slices.Clone(texts)
	return nil
}

type switchValue bool

func (v *switchValue) want() kind { return kindSwitch }

func (v *switchValue) set(texts []string) error {
	b, err := strconv.ParseBool(texts[0])
	if err != nil {
		return fmt.Errorf("must be true or false, not %q", texts[0])
	}
	*v = switchValue(b)
	return nil
}

// boolValue is a switch that is on unless it is told: its flag takes the value.
type boolValue bool

func (v *boolValue) want() kind { return kindSwitch }

func (v *boolValue) set(texts []string) error { return (*switchValue)(v).set(texts) }

type countValue int

func (v *countValue) want() kind { return kindNumber }

func (v *countValue) set(texts []string) error {
	n, err := strconv.Atoi(texts[0])
	if err != nil || n < 1 {
		return fmt.Errorf("must be a whole number from 1, not %q", texts[0])
	}
	*v = countValue(n)
	return nil
}

// rateValue is how many a second; 0 is no bound.
type rateValue int

func (v *rateValue) want() kind { return kindNumber }

func (v *rateValue) set(texts []string) error {
	n, err := strconv.Atoi(texts[0])
	if err != nil || n < 0 {
		return fmt.Errorf("must be a whole number from 0, not %q", texts[0])
	}
	*v = rateValue(n)
	return nil
}

type shareValue float64

func (v *shareValue) want() kind { return kindNumber }

func (v *shareValue) set(texts []string) error {
	x, err := strconv.ParseFloat(texts[0], 64)
	if err != nil || !(x >= 0 && x <= 1) { // Not a number is outside too.
		return fmt.Errorf("must be 0 to 1, not %q", texts[0])
	}
	*v = shareValue(x)
	return nil
}

type choiceValue struct {
	to      *string
	choices []string
}

func (v *choiceValue) want() kind { return kindText }

func (v *choiceValue) set(texts []string) error {
	if !slices.Contains(v.choices, texts[0]) {
		return fmt.Errorf("must be %s, not %q", strings.Join(v.choices, " or "), texts[0])
	}
	*v.to = texts[0]
	return nil
}

type levelValue slog.Level

func (v *levelValue) want() kind { return kindText }

func (v *levelValue) set(texts []string) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(texts[0])); err != nil {
		return fmt.Errorf("must be debug, info, warn or error, not %q", texts[0])
	}
	*v = levelValue(level)
	return nil
}

// durationValue is a span of time of at least that length; never is the word for no end, if there is one.
type durationValue struct {
	to    *time.Duration
	least time.Duration
	never string
}

func (v *durationValue) want() kind { return kindText }

func (v *durationValue) set(texts []string) error {
	if v.never != "" && texts[0] == v.never {
		*v.to = unlimited
		return nil
	}
	d, err := time.ParseDuration(texts[0])
	switch {
	case err != nil:
		return fmt.Errorf(`must be a duration such as "30s" or "2h", not %q`, texts[0])
	case d < v.least || d <= 0 || d > longest:
		return fmt.Errorf("must be more than nothing and less than %d years, not %s", int(longest.Hours()/24/365), texts[0])
	}
	*v.to = d
	return nil
}

// secondsValue is a span of time that is told to others in whole seconds.
type secondsValue time.Duration

// secondsMax is where such spans end: nobody keeps anything for longer than a week.
const secondsMax = 7 * 24 * time.Hour

func (v *secondsValue) want() kind { return kindText }

func (v *secondsValue) set(texts []string) error {
	d, err := time.ParseDuration(texts[0])
	if err != nil || d < 0 || d > secondsMax || d%time.Second != 0 {
		return fmt.Errorf(`must be whole seconds from "0s" to "168h", not %q`, texts[0])
	}
	*v = secondsValue(d)
	return nil
}
