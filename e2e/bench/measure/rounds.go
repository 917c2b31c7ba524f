package measure

// Rounds runs every side once a round, in turns: the first side goes first in even rounds, last in odd ones. It returns
// what each side measured, by side and then by round. The first error ends it.
func Rounds(rounds int, sides ...func(round int) (float64, error)) ([][]float64, error) {
	out := make([][]float64, len(sides))
	for round := range rounds {
		for k := range sides {
			i := k
			if round%2 == 1 {
				i = len(sides) - 1 - k
			}
			v, err := sides[i](round)
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], v)
		}
	}
	return out, nil
}
