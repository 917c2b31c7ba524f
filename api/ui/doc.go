// Package ui is the dashboard: what this node believes, in tables and sentences, made on the server without a script.
//
// Everything on a page comes from the node that is asked, at the moment it is asked, and the page says which node and
// when. Names, tags and metadata come from clients and are escaped as text; the content security policy allows the
// browser nothing but the style sheet, so that a hole in the escaping would still run nothing.
//
// Guarantees. A page only reads: no link or form here changes anything. /ui/plain has the same content without style, for
// text browsers and for mails.
//
// Concurrency. A UI is safe for any number of requests.
//
// Bounds. A page lists at most 1,000 services or instances and says how many more there are.
package ui
