package causal

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTheTwoOriginsOfALifeDifferInTheMarkAlone(t *testing.T) {
	o := Origin{Node: "dc1/a", Incarnation: 1_790_000_000_000}
	p := o.Private()
	if o.IsPrivate() || !p.IsPrivate() || p.Private() != p || p == o || p.Node != o.Node {
		t.Fatalf("%v and %v", o, p)
	}
	if o.Life() != o.Incarnation || p.Life() != o.Incarnation {
		t.Fatalf("lives %d and %d", o.Life(), p.Life())
	}
	if got := p.String(); got != "dc1/a@1790000000000+private" {
		t.Fatal(got)
	}
	if o.Compare(p) != -1 || (Dot{o, 1}).Hash() == (Dot{p, 1}).Hash() {
		t.Fatal("they cannot be told apart")
	}
}

func TestPublicIsAllButThePrivateOrigins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, m := drawVector(t)
		whole, _ := v.Clone(), v.Hash()
		public := model{}
		for d := range m {
			public[d] = true
		}
		private := false
		for range rapid.IntRange(0, 3).Draw(t, "private") {
			first := rapid.Uint64Range(1, 20).Draw(t, "first")
			private = v.AddRange(drawOrigin(t).Private(), Range{first, first + 3}) || private
		}
		before := v.Clone()
		check(t, v.Public(), public)
		if v.HasPrivate() != private || !private && v.Public() != v {
			t.Fatalf("has private %v, want %v", v.HasPrivate(), private)
		}
		if !v.Public().Equal(whole) || v.PublicHash() != whole.Hash() || v.Public().HasPrivate() {
			t.Fatalf("public %v, want %v", v.Public().Origins(), whole.Origins())
		}
		if !v.Equal(before) || v.Hash() != before.Hash() {
			t.Fatal("the vector was changed by the question")
		}
	})
}
