package consul

import "net/http"

// alive are the addresses of the members that are alive.
func (a *API) alive() []string {
	out := []string{}
	for _, m := range a.node.Members() {
		if m.State == "alive" {
			out = append(out, m.Address)
		}
	}
	return out
}

// leader answers with the first of the peers. There is no leader; what asks for it wants to know whether anybody answers.
func (a *API) leader(c *call) error {
	peers := a.alive()
	if ok, _ := a.node.Ready(); !ok || len(peers) == 0 {
		return c.answer("")
	}
	return c.answer(peers[0])
}

// peers answers with the addresses of the members.
func (a *API) peers(c *call) error { return c.answer(a.alive()) }

// noKey answers that there is no such key, which stays so: who waits for one waits.
func (a *API) noKey(c *call) error {
	if c.name == "" && !c.flag("recurse") && !c.flag("keys") {
		return badRequest("Missing key name")
	}
	if err := a.blockForever(c); err != nil {
		return err
	}
	c.meta(1)
	h := c.w.Header()
	h["Content-Type"], h["Content-Length"] = plainText, zeroValue
	c.w.WriteHeader(http.StatusNotFound)
	return nil
}

// nothing answers with an empty list, which it stays.
func (a *API) nothing(c *call) error {
	if err := a.blockForever(c); err != nil {
		return err
	}
	c.meta(1)
	return c.send(http.StatusOK, []byte("[]"))
}
