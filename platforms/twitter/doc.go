// Package twitter speaks X's API v2: replies to an authority's posts, and what else is said to it there.
//
// In come comments: [Webhook] checks a delivery's signature and turns it into events; [Account.Listen] keeps a stream open, the Activity
// API's or, where the app may not have that one, the filtered stream; [Account.CatchUp] reads mentions and conversations that neither told
// of. Out go decisions: [Account.Hide] takes an archive.Receipt and nothing else, so that no word is hidden that is not kept.
//
// What it guarantees:
//
//   - A delivery is answered 200 only after the sink has taken its event; in any other case the platform is told to deliver again.
//   - Every refusal comes back as one of platforms' errors; any other error is a fault that may be tried again.
//   - The platform allows fifty hides in fifteen minutes and user. They are counted here too: the fifty-first is a
//     platforms.RetryAfterError without a call. What is spent of another endpoint's limit holds no hide back.
//   - Neither a key or token, nor a comment's text or its author's name, is ever in an error or a log line.
//
// What X cannot do: nobody can delete another's post, block by API (but for Enterprise customers), report, or see whether a reply is
// hidden. A hide is known from the platform's answer alone.
//
// # One comment, several ids
//
// An edited post on X is a new post with a new id; edit_history_tweet_ids names them all, the first post first. A comment is known by that
// first id for ever, so that an edit is an edit and not a stranger. Whoever acts reads the comment first and acts on its newest version.
//
// # Two old libraries
//
// Calls are signed by github.com/dghubble/oauth1. Streams are read by github.com/dghubble/go-twitter, whose own host and paths are no
// more; stream.go rewrites its one request and keeps its traps shut.
//
// The package remembers nothing about comments but whose conversation each stands in, which never changes. What is spent of the
// platform's limits is kept in memory.
package twitter
