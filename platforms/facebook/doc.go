// Package facebook speaks Meta's Graph API for Facebook Pages and for Instagram.
//
// In come comments: [Webhook] checks a delivery's signature and turns it into events, [Page.CatchUp] and [Instagram.CatchUp] read what the
// webhook missed. Facebook tells of everything that happens to a comment; Instagram tells of new comments only, and [Instagram.Listen]
// finds the rest by asking. Out go decisions: Hide and Delete take an archive.Receipt and nothing else, so that no word is removed that is
// not kept.
//
// What it guarantees:
//
//   - A delivery is answered 200 only after the sink has taken all its events; in any other case the platform is told to
//     deliver again.
//   - Everything a signed delivery says of a comment becomes an event, or a counted line in the log. One change of an
//     unknown shape takes nothing else in the delivery with it.
//   - Every refusal comes back as one of platforms' errors; any other error is a fault that may be tried again.
//   - Neither the access token nor the app secret, nor a comment's text or its author's name, is ever in an error or a log line.
//   - What can wait gives way: reading old posts and listening stop while more than 60 percent of a quota are spent, so that there is room
//     for decisions.
//
// The calls go through github.com/huandu/facebook/v2. That library ignores the HTTP status, can put the token into URLs
// and follows absolute paging addresses; exchange.go is where these are kept from happening.
//
// The package keeps nothing about comments but in memory: which posts were read and when, what Instagram's comments said when last seen,
// and how much of the call quota is spent. A new process begins anew, and reads more.
package facebook
