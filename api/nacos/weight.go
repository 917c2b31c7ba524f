package nacos

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// scale is what a weight of 1, which an instance of Nacos has that says none, is in the catalog, where 100 is that.
const scale = 100

// The bounds of a weight, in Nacos and in the catalog.
const (
	maxWeight       = 10000
	maxStoredWeight = 65535
)

// weight is a share of traffic, as a Java double is written: 1.0, 0.5.
type weight float64

// MarshalJSON writes a whole number with its point, as Java does.
func (w weight) MarshalJSON() ([]byte, error) { return []byte(w.String()), nil }

// String is MarshalJSON.
func (w weight) String() string {
	s := strconv.FormatFloat(float64(w), 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// parseWeight reads a weight.
func parseWeight(text string) (weight, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) {
		return 0, badRequest(fmt.Sprintf("For input string: %q", text))
	}
	return weight(f), weight(f).valid()
}

func (w weight) valid() error {
	if !(w >= 0 && w <= maxWeight) { // NaN is not.
		return badRequest("instance format invalid: The weights range from 0.0 to 10000.0")
	}
	return nil
}

// stored is the weight in the catalog, which has no fractions of a hundredth, nothing below one and an end.
func (w weight) stored() int { return int(min(max(math.Round(float64(w)*scale), 1), maxStoredWeight)) }

// attrWeight is the weight that the client gave, where the catalog's field does not say it.
const attrWeight = prefix + "weight"

// exactWeight is the weight that an instance's client gave here; false if it did not.
func exactWeight(inst *muster.Instance) (weight, bool) {
	text, ok := inst.Attributes[attrWeight]
	if !ok {
		return 0, false
	}
	w, err := parseWeight(text)
	return w, err == nil
}

// weightOf is an instance's weight. per is what weighs 1 in its service: see unitOf.
func weightOf(inst *muster.Instance, per int) weight {
	if w, ok := exactWeight(inst); ok {
		return w
	}
	return min(weight(inst.Weight)/weight(per), maxWeight)
}

// unitOf is what weighs 1 among instances: scale, or 1 where all weigh less, as those of a dialect do in which an
// instance weighs 1 that says nothing. A client that drops the fraction of a weight, as the one in Go does, would choose
// none of them.
func unitOf(all []*muster.Instance) int {
	for _, inst := range all {
		if _, exact := exactWeight(inst); exact || inst.Weight >= scale {
			return scale
		}
	}
	return 1
}
