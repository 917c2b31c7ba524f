package main

import (
	"os"
	"os/signal"
)

// environment is what a command gets of the process that it runs in, besides the three streams. A test makes its own.
type environment struct {
	// lookup is os.LookupEnv.
	lookup func(name string) (value string, ok bool)
	// signals starts to catch signals until stop is called.
	signals func(which ...os.Signal) (caught <-chan os.Signal, stop func())
}

// system is the environment of this process.
func system() environment {
	return environment{lookup: os.LookupEnv, signals: catch}
}

func catch(which ...os.Signal) (<-chan os.Signal, func()) {
	caught := make(chan os.Signal, 8) // Signals come singly; of those that come faster than they are read some may go.
	signal.Notify(caught, which...)
	return caught, func() { signal.Stop(caught) }
}
