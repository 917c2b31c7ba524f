package eureka

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Bounds of an XML body. Text is bounded by the body; elements cost many times their size in memory.
const (
	maxDepth    = 8
	maxElements = 4096
)

// element is one element of a body.
type element struct {
	name     string // as written
	enabled  string // the attribute of that name, of ports
	raw      []byte // the text between its children, all together
	children []*element
}

// text is the element's text, empty if that is only white space, as between children.
func (e *element) text() string {
	if len(bytes.TrimSpace(e.raw)) == 0 {
		return ""
	}
	return string(e.raw)
}

// decodeXML is the instance in a body <instance>...</instance>. As at a Eureka server, status is taken in any case and
// elements that nobody knows are ignored.
func decodeXML(body []byte) (info, error) {
	root, err := parseXML(body)
	if err != nil {
		return info{}, err
	}
	if root.name != "instance" {
		return info{}, malformed("the body must be <instance>...</instance>, not <%.40s>", root.name)
	}
	return root.instance()
}

func (e *element) instance() (info, error) {
	i := blank()
	var err error
	for _, c := range e.children {
		switch c.name {
		case "port":
			i.port, err = c.port(c.enabled != "false")
		case "securePort":
			i.securePort, err = c.port(c.enabled == "true")
		case "dataCenterInfo":
			for _, d := range c.children {
				switch d.name {
				case "name":
					i.datacenter.name = d.text()
				case "metadata":
					i.datacenter.metadata = d.texts()
				}
			}
		case "leaseInfo":
			for _, l := range c.children {
				i.setLease(l.name, l.text())
			}
		case "metadata":
			i.metadata = c.texts()
		case "status", "overriddenStatus", "overriddenstatus":
			i.set(c.name, strings.ToUpper(c.text()))
		default:
			i.set(c.name, c.text())
		}
		if err != nil {
			return i, err
		}
	}
	return i, nil
}

func (e *element) port(enabled bool) (port, error) {
	n, err := parsePort(e.text())
	return port{n, enabled}, err
}

func (e *element) texts() map[string]string {
	if len(e.children) == 0 {
		return nil
	}
	m := make(map[string]string, len(e.children))
	for _, c := range e.children {
		m[keyOfXMLName(c.name)] = c.text()
	}
	return m
}

// parseXML reads a document. There is no place in it for a document type, and so for entities of one's own; those of XML
// itself are all there are.
func parseXML(body []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var (
		root  *element
		stack []*element
		count int
	)
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, malformed("not XML: %v", err)
		}
		switch token := token.(type) {
		case xml.Directive:
			return nil, malformed("a document type is not taken")
		case xml.StartElement:
			if count++; count > maxElements || len(stack) == maxDepth {
				return nil, malformed("more than %d elements, or more than %d levels", maxElements, maxDepth)
			}
			e := &element{name: nameOf(token.Name)}
			for _, a := range token.Attr {
				if a.Name.Local == "enabled" {
					e.enabled = a.Value
				}
			}
			switch {
			case len(stack) > 0:
				parent := stack[len(stack)-1]
				parent.children = append(parent.children, e)
			case root != nil:
				return nil, malformed("a second root element")
			default:
				root = e
			}
			stack = append(stack, e)
		case xml.EndElement:
			if len(stack) == 0 || stack[len(stack)-1].name != nameOf(token.Name) {
				return nil, malformed("</%.40s> closes what is not open", nameOf(token.Name))
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				e := stack[len(stack)-1]
				e.raw = append(e.raw, token...)
			}
		}
	}
	if root == nil || len(stack) > 0 {
		return nil, malformed("the document ends too early")
	}
	return root, nil
}

// nameOf is a name as it was written: prefixes are part of it.
func nameOf(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}
