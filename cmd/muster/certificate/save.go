package certificate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Save writes both files, readable by their owner alone. If one of them is there already nothing is written: a key that is
// lost cannot be made again. The error names the file.
func (i Issued) Save(certificate, key string) error {
	for _, path := range []string{certificate, key} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is there already: remove it first, or give another name", path)
		}
	}
	if err := create(key, i.Key); err != nil {
		return err
	}
	return create(certificate, i.Certificate)
}

func create(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // The user says where.
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}
