package consul

import (
	"net/http"

	"github.com/hashicorp/go-bexpr"
)

// Bounds of a filter.
const (
	maxFilterBytes = 4 << 10
	maxMatches     = 32
	maxValueBytes  = 512
	// maxSteps bounds the parser, which goes back and forth: a few open parentheses would keep it busy for minutes. So
	// many steps take about 15 ms, and are enough for five levels of parentheses.
	maxSteps = 200_000
)

// newFilter is the filter that a client gives, over values of the type of example; nil if it gives none.
func (q *query) newFilter(example any) (*bexpr.Evaluator, error) {
	text := q.values.Get("filter")
	if text == "" {
		return nil, nil //nolint:nilnil // No filter is none.
	}
	if len(text) > maxFilterBytes {
		return nil, filterFailure("the expression is too long")
	}
	if _, err := bexpr.Parse("", []byte(text), bexpr.MaxExpressions(maxSteps)); err != nil {
		return nil, filterFailure(err.Error())
	}
	cfg := &bexpr.EvaluatorConfig{MaxMatches: maxMatches, MaxRawValueLength: maxValueBytes}
	f, err := bexpr.CreateEvaluatorForType(text, cfg, example)
	if err != nil {
		return nil, filterFailure(err.Error())
	}
	return f, nil
}

func filterFailure(reason string) error {
	return &failure{http.StatusInternalServerError, "Failed to create boolean expression evaluator: " + reason}
}

// filtered keeps what a client's filter accepts.
func filtered[T any](q *query, all []T) ([]T, error) {
	return filteredBy(q, all, func(one T) T { return one })
}

// filteredBy keeps that of which a client's filter accepts the description.
func filteredBy[T, D any](q *query, all []T, describe func(T) D) ([]T, error) {
	var example D
	f, err := q.newFilter(example)
	if f == nil || err != nil {
		return all, err
	}
	out := make([]T, 0, len(all))
	for _, one := range all {
		yes, err := f.Evaluate(describe(one))
		if err != nil {
			return nil, &failure{http.StatusInternalServerError, err.Error()}
		}
		if yes {
			out = append(out, one)
		}
	}
	return out, nil
}
