package consul

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/musterhq/muster"
)

// lookAt is what a blocking query about a service looks at.
func (a *API) lookAt(c *call, to **listing) func() state {
	return func() state {
		*to = a.in(c.dc, c.name)
		return state{(*to).index, changes{(*to).view.Changed(), (*to).nodes.view.Changed()}}
	}
}

// healthService answers with the instances of a service and their checks.
func (a *API) healthService(c *call) error {
	if c.name == "" {
		return errNoServiceName
	}
	onlyPassing, err := c.passing()
	if err != nil {
		return err
	}
	return a.listService(c, formHealth, onlyPassing, func(all []*entry) ([]*entry, error) {
		return filteredBy(&c.query, all, func(e *entry) healthEntry { return describeHealth(e.inst, e.node, e.index) })
	})
}

// catalogService answers with the instances of a service.
func (a *API) catalogService(c *call) error {
	if c.name == "" {
		return errNoServiceName
	}
	return a.listService(c, formCatalog, false, func(all []*entry) ([]*entry, error) {
		return filteredBy(&c.query, all, func(e *entry) catalogService { return describeCatalog(e.inst, e.node, e.index) })
	})
}

// listService waits, and answers with the entries that are wanted, by choice and by filter, in the order that the
// client wants.
func (a *API) listService(c *call, f form, onlyPassing bool, filter func([]*entry) ([]*entry, error)) error {
	if _, err := filter(nil); err != nil { // It is said at once that a filter is wrong.
		return err
	}
	var l *listing
	if err := a.block(c, 0, a.lookAt(c, &l)); err != nil {
		return err
	}
	c.meta(l.index)
	if c.name == itself && l.view.Len() == 0 && c.dc == a.dc {
		return c.sendAll(a.ourselves(c, f, l.nodes))
	}
	choice := c.choice()
	if choice == nil && !c.flag("filter") && !c.flag("near") {
		if whole := l.whole(f, onlyPassing); whole != nil {
			return c.send(http.StatusOK, whole)
		}
	}
	chosen := make([]*entry, 0, len(l.entries))
	for _, e := range l.entries {
		if (e.passing || !onlyPassing) && choice.accepts(e.inst, e.node) {
			chosen = append(chosen, e)
		}
	}
	chosen, err := filter(chosen)
	if err != nil {
		return err
	}
	a.sortNear(c, chosen)
	parts := make([][]byte, 0, len(chosen))
	for _, e := range chosen {
		parts = append(parts, e.in(f))
	}
	return c.sendAll(parts)
}

// sortNear puts those first that are near to this node, by the latest round trips to theirs, if the client asks for it.
// What is near to another node is not known.
func (a *API) sortNear(c *call, all []*entry) {
	if !a.isNear(c) {
		return
	}
	rtts := a.roundTrips()
	slices.SortStableFunc(all, func(x, y *entry) int { return cmp.Compare(rtts.to(x.node.Node), rtts.to(y.node.Node)) })
}

// isNear reports whether a client asks for what is near to this node, in its own data centre.
func (a *API) isNear(c *call) bool {
	near := c.values.Get("near")
	return c.dc == a.dc && (near == "_agent" || near == a.name)
}

// healthChecks answers with the checks of a service's instances.
func (a *API) healthChecks(c *call) error {
	if c.name == "" {
		return errNoServiceName
	}
	if _, err := filtered(&c.query, []wireCheck(nil)); err != nil {
		return err
	}
	var l *listing
	if err := a.block(c, 0, a.lookAt(c, &l)); err != nil {
		return err
	}
	chosen, choice := make([]*entry, 0, len(l.entries)), c.choice()
	for _, e := range l.entries {
		if choice.acceptsNode(e.node) {
			chosen = append(chosen, e)
		}
	}
	a.sortNear(c, chosen)
	checks := []wireCheck{}
	for _, e := range chosen {
		checks = append(checks, checksOf(e.inst, e.node.Node, e.index)...)
	}
	c.meta(l.index)
	return a.answerChecks(c, checks)
}

func (a *API) answerChecks(c *call, checks []wireCheck) error {
	checks, err := filtered(&c.query, checks)
	if err != nil {
		return err
	}
	return c.answer(checks)
}

// lookAtAll is what a blocking query looks at that is about everything.
func (a *API) lookAtAll() state {
	changed := a.node.Changed()
	return state{max(a.node.Index(), a.latestNodes().index), changes{changed}}
}

// healthNode answers with the checks of a node, and of the instances at it.
func (a *API) healthNode(c *call) error {
	if c.name == "" {
		return badRequest("Missing node name")
	}
	if _, err := filtered(&c.query, []wireCheck(nil)); err != nil {
		return err
	}
	var s state
	if err := a.block(c, recheck, func() state { s = a.lookAtAll(); return s }); err != nil {
		return err
	}
	checks := []wireCheck{}
	if b := a.nodesIn(c.dc).byName[c.name]; b != nil {
		checks = append(checks, nodeChecks(b, false)...)
		for inst, index := range a.at(b) {
			checks = append(checks, checksOf(inst, b.Node, index)...)
		}
	}
	c.meta(s.index)
	return a.answerChecks(c, checks)
}

// at yields the instances that are shown at a node, by service and id.
func (a *API) at(b *nodeBlock) func(func(*muster.Instance, muster.Index) bool) {
	return func(yield func(*muster.Instance, muster.Index) bool) {
		for inst, index := range a.everything() {
			if inst.Datacenter == b.Datacenter && nodeName(inst) == b.Node && !yield(inst, index) {
				return
			}
		}
	}
}

// everything yields all instances of the default namespace, by service and id.
func (a *API) everything() func(func(*muster.Instance, muster.Index) bool) {
	return func(yield func(*muster.Instance, muster.Index) bool) {
		for _, view := range a.node.Services().Services {
			if view.Namespace() != muster.DefaultNamespace {
				continue
			}
			for inst, index := range view.All() {
				if !yield(inst, index) {
					return
				}
			}
		}
	}
}

// stateForms are the answers about a state that are kept: all those that exist, and any.
const stateForms = 4

var stateNames = [stateForms]string{"any", passing, warning, critical}

// statesAnswer is what was last answered about a state.
type statesAnswer struct {
	services *muster.Overview
	nodes    *nodeSet
	body     []byte
}

// healthState answers with all checks of a state. One that does not exist has none.
func (a *API) healthState(c *call) error {
	if c.name == "" {
		return badRequest("Missing check state")
	}
	if _, err := filtered(&c.query, []wireCheck(nil)); err != nil {
		return err
	}
	var s state
	if err := a.block(c, recheck, func() state { s = a.lookAtAll(); return s }); err != nil {
		return err
	}
	c.meta(s.index)
	at := slices.Index(stateNames[:], c.name)
	if at < 0 {
		return c.send(http.StatusOK, []byte("[]"))
	}
	services, nodes, choice := a.node.Services(), a.nodesIn(c.dc), c.choice()
	if choice != nil || c.flag("filter") || c.dc != a.dc {
		return a.answerChecks(c, a.inState(c.name, c.dc, nodes, choice))
	}
	// Who watches all checks gets what the others get: it is large, and made at every change of anything.
	kept := a.states[at].Load()
	if kept == nil || kept.services != services || kept.nodes != nodes {
		kept = &statesAnswer{services, nodes, encoded(a.inState(c.name, c.dc, nodes, nil))}
		a.states[at].Store(kept)
	}
	return c.send(http.StatusOK, kept.body)
}

func (a *API) inState(name, dc string, nodes *nodeSet, choice *choice) []wireCheck {
	checks := []wireCheck{}
	add := func(all []wireCheck) {
		for _, check := range all {
			if name == "any" || check.Status == name {
				checks = append(checks, check)
			}
		}
	}
	for _, b := range nodes.sorted {
		if choice.acceptsNode(b) {
			add(nodeChecks(b, false))
		}
	}
	for inst, index := range a.everything() {
		if inst.Datacenter != dc {
			continue
		}
		if b := nodes.of(inst); choice.acceptsNode(b) {
			add(checksOf(inst, b.Node, index))
		}
	}
	return checks
}
