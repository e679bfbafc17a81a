// Package facebook speaks Meta's Graph API for Facebook Pages.
//
// In come comments: [Webhook] checks a delivery's signature and turns it into events, [Page.CatchUp] reads what the
// webhook missed. Out go decisions: [Page.Hide] and [Page.Delete] take an archive.Receipt and nothing else, so that no word
// is removed that is not kept.
//
// What it guarantees:
//
//   - A delivery is answered 200 only after the sink has taken all its events; in any other case the platform is told to
//     deliver again.
//   - Everything a signed delivery says of a comment becomes an event, or a counted line in the log. One change of an
//     unknown shape takes nothing else in the delivery with it.
//   - Every refusal comes back as one of platforms' errors; any other error is a fault that may be tried again.
//   - Neither the access token nor the app secret, nor a comment's text or its author's name, is ever in an error or a log line.
//
// The calls go through github.com/huandu/facebook/v2. That library ignores the HTTP status, can put the token into URLs
// and follows absolute paging addresses; exchange.go is where these are kept from happening.
//
// The package remembers nothing about comments. Only how much of the platform's call quota is spent is kept, in memory.
package facebook
