package main

import (
	"strings"
	"testing"
)

// A Eureka server that is no URL is named by its place, not by its text, which may hold a password.
func TestAPeerThatIsNoURLIsNamedWithoutItsPassword(t *testing.T) {
	if err := checkPeers([]string{"http://user:secret@eureka-1:8761/eureka/", "https://eureka-2/eureka"}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "eureka:8761", "ftp://user:secret@eureka/", "http://user:secret@%zz/", "http:///eureka"} {
		err := checkPeers([]string{"http://eureka-1/", bad})
		if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "number 2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
