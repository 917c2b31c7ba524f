package main

import (
	"errors"
	"fmt"

	"github.com/musterhq/muster"
)

// nodeConfig is what package muster is told, after the checks that it cannot make because it does not know flags.
func (s settings) nodeConfig() (muster.Config, error) {
	if len(s.http) == 0 {
		return muster.Config{}, errors.New("http is an empty list: a node needs an address for its API")
	}
	if err := checkAddresses(s); err != nil {
		return muster.Config{}, err
	}
	if err := checkPeers(s.eurekaPeers); err != nil {
		return muster.Config{}, err
	}
	if err := s.checkTLS(); err != nil {
		return muster.Config{}, err
	}
	for _, address := range s.http {
		if !isLoopback(address) && !s.insecure && s.tlsCert == "" {
			return muster.Config{}, fmt.Errorf("HTTP on %s can be used by whoever reaches it, and is not encrypted: "+
				"give --tls-cert and --tls-key, or listen on loopback behind a proxy, or give --insecure if the network can be trusted", address)
		}
	}
	if s.dns != dnsOff && !isLoopback(s.dns) && !s.insecure {
		return muster.Config{}, fmt.Errorf("DNS on %s answers whoever reaches it: "+
			"listen on loopback behind a resolver, or give --insecure if the network can be trusted", s.dns)
	}
	export, err := readExport(s.export)
	if err != nil {
		return muster.Config{}, err
	}
	keys, err := readKeys(s)
	if err != nil {
		return muster.Config{}, err
	}
	return muster.Config{
		Node: s.node, Datacenter: s.dc, Zone: s.zone,
		Bind: s.bind, Advertise: s.advertise, Join: s.join, ReadyWait: s.readyWait, Profile: s.profile,
		WANBind: s.wanBind, WANAdvertise: s.wanAdv, WANJoin: s.wanJoin, Export: export,
		Keys: keys, Insecure: s.insecure, DataDir: s.dataDir,
		EnableScriptChecks: s.scriptChecks, RemoteMaxAge: s.remoteMaxAge,
		Preserve: muster.Preserve{
			Threshold: s.preserveThreshold, MinLost: s.preserveMinLost, MaxAge: s.preserveMaxAge, Probe: s.preserveProbe,
		},
	}, nil
}
