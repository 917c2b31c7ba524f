package nacos

// detail is an instance that was asked for alone. The members, their order and their types are those of a Nacos server.
type detail struct {
	Service     string            `json:"service"`
	IP          string            `json:"ip"`
	Port        int               `json:"port"`
	ClusterName string            `json:"clusterName"`
	Weight      weight            `json:"weight"`
	Healthy     bool              `json:"healthy"`
	InstanceID  string            `json:"instanceId"`
	Metadata    map[string]string `json:"metadata"`
}

// getInstance answers with one instance, enabled or not.
func (a *API) getInstance(c *call) error {
	at, err := c.place()
	if err != nil {
		return err
	}
	inst := a.find(&at)
	if inst == nil {
		return a.missing(&at)
	}
	per := unitOf(a.node.Find(at.namespace, at.name.stored()).Instances())
	return c.answer(&detail{
		Service: at.name.String(), IP: inst.Address, Port: inst.Port, ClusterName: at.cluster, Weight: weightOf(inst, per),
		Healthy: healthy(inst), InstanceID: inst.ID, Metadata: metadataOf(inst),
	})
}

// missing says why there is no instance at a place.
func (a *API) missing(at *place) error {
	if a.exists(at.namespace, at.name) {
		return errNoInstance
	}
	return &failure{errNoInstance.status, "no ips found for cluster " + clipped(at.cluster) + " in service " + at.name.String()}
}
