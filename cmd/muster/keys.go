package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
)

// readKeys is the keys that the settings give, the encrypting one first; none if they give none. The error never holds a
// key.
func readKeys(s settings) ([][]byte, error) {
	switch {
	case s.encrypt != "" && s.encryptFile != "":
		return nil, errors.New("--encrypt and --encrypt-file are both given: keep the file")
	case s.encrypt != "":
		key, err := parseKey(s.encrypt)
		if err != nil {
			return nil, fmt.Errorf("--encrypt %w", err)
		}
		return [][]byte{key}, nil
	case s.encryptFile == "":
		return nil, nil
	}
	data, err := os.ReadFile(s.encryptFile)
	if err != nil {
		if pathErr, ok := errors.AsType[*os.PathError](err); ok {
			err = pathErr.Err
		}
		return nil, fmt.Errorf("cannot read --encrypt-file %s: %w", s.encryptFile, err)
	}
	var keys [][]byte
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := parseKey(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: the key %w", s.encryptFile, i+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no key: write one, as with: head -c 32 /dev/urandom | base64", s.encryptFile)
	}
	return keys, nil
}

func parseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("is not base64: make one with: head -c 32 /dev/urandom | base64")
	}
	switch len(key) {
	case 16, 24, 32:
		return key, nil
	default:
		return nil, fmt.Errorf("has %d bytes, not 16, 24 or 32: make one with: head -c 32 /dev/urandom | base64", len(key))
	}
}
