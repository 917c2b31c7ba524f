package ui

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"

	"github.com/musterhq/muster"
)

// Node is what the dashboard needs of a node. All methods are safe for any number of goroutines.
type Node interface {
	// Info is what the node says of itself.
	Info() muster.NodeInfo
	// Members lists the nodes of the data centre, alive and remembered.
	Members() []muster.Member
	// SelfPreservation says what is kept, and why.
	SelfPreservation() muster.SelfPreservation
	// Services lists those that have instances.
	Services() *muster.Overview
	// Find is the latest view of a service; an empty one if nothing is known of it.
	Find(namespace, service string) *muster.View
}

//go:embed page.html style.css
var files embed.FS

// UI is the dashboard of one node. The zero UI is not usable: see New.
type UI struct {
	node  Node
	pages *template.Template
	style []byte
}

// New makes the dashboard of a node.
func New(node Node) *UI {
	style, err := files.ReadFile("style.css")
	if err != nil {
		panic(err) // embedded files are there
	}
	return &UI{node: node, pages: template.Must(template.ParseFS(files, "page.html")), style: style}
}

// Mount gives every page to handle, as method, pattern and handler of an http.ServeMux.
func (u *UI) Mount(handle func(method, pattern string, h http.Handler)) {
	for _, look := range []struct {
		at     string
		styled bool
	}{{"/ui/", true}, {"/ui/plain", false}} {
		overview, service := look.at+"{$}", look.at+"service"
		if !look.styled {
			overview, service = look.at, look.at+"/service"
		}
		handle("GET", overview, u.page("overview", look.styled, u.overview))
		handle("GET", service, u.page("service", look.styled, u.service))
	}
	handle("GET", "/ui/style.css", http.HandlerFunc(u.stylesheet))
}

// policy allows a page its style sheet and nothing else.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page makes the handler of a page from what fills it.
func (u *UI) page(name string, styled bool, fill func(*http.Request, *page)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := page{Styled: styled, Home: "/ui/", Service: "/ui/service"}
		if !styled {
			p.Home, p.Service = "/ui/plain", "/ui/plain/service"
		}
		fill(r, &p)
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		var body bytes.Buffer
		if err := u.pages.ExecuteTemplate(&body, name, p); err != nil {
			http.Error(w, "the page could not be made", http.StatusInternalServerError)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(body.Bytes()) // a client that is gone needs no answer
	})
}

func (u *UI) stylesheet(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "max-age=300")
	_, _ = w.Write(u.style) // a client that is gone needs no answer
}
