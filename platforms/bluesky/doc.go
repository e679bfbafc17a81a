// Package bluesky speaks the AT Protocol for one Bluesky account.
//
// In come comments by three roads: [Account.Listen] asks for the account's notifications every few seconds, [Account.CatchUp] reads the
// notifications of a longer time and the whole threads of the account's recent posts, and [Account.Fetch] reads one comment as it stands. Out
// go decisions: [Account.Hide] takes an archive.Receipt and nothing else.
//
// What a comment is here: a reply under one of the account's posts, at any depth; a mention of the account; and a quote of one of its posts.
// Only replies can be hidden, for only they stand in a thread that is the account's. A comment's id is its at:// address.
//
// A hide is an entry in the threadgate, a record of the account's own beside the post, which is always written whole. It is written only on
// top of what was read (swapRecord), and again from the start when somebody else wrote it meanwhile; what else it holds is kept. It has room
// for 300 hidden replies.
//
// What it guarantees:
//
//   - Every reply that the network shows in the thread of a post younger than 30 days is found by CatchUp, whatever the notifications leave
//     out (muted authors, filters, times that authors made up). Under older posts, what the notifications tell.
//   - Every refusal comes back as one of platforms' errors; any other error is a fault that may be tried again.
//   - Neither the app password nor a session's token, nor a comment's text or its author's name, is ever in an error or a log line. The
//     password goes to the configured service alone; a session's token to it and to the personal data server that it names for the account.
//
// The network has no edits, yet a record can be rewritten: what then reads otherwise is an edit. It tells nobody of removals; CatchUp finds
// those of comments that this process has seen before, and Fetch finds all.
//
// The calls are plain net/http. github.com/bluesky-social/indigo has no releases and brings 172 modules for the fifteen calls that are made
// here.
package bluesky
