// Package platformtest is a simulated platform: it holds posts, comments and accounts, speaks the platform's API over
// HTTP, delivers signed webhooks, shows the public what the public would see, and fails on demand.
//
// The world (world.go) knows what was said and done, whatever the API. A front turns an API's calls into acts on the world
// and the world's changes into that API's deliveries: the Graph front (graph.go) for Facebook pages and, with instagram.go, for Instagram;
// others for other platforms. What can go wrong on the way is in [Faults].
//
// [Conform] proves an adapter on it.
//
// What it guarantees to those who test with it:
//
//   - [Server.State], also GET /state, is the whole truth: every comment with what became of it, and every call in the
//     order it came, whether or not it was answered.
//   - A change is in the state before its webhook leaves, and an act before its answer.
//   - The same seed and the same calls meet the same faults, in whatever order they come.
//
// It is made for tests, demonstrations and load: it checks the callers' tokens, but anybody who reaches it may read its
// state and set its faults. It listens on the loopback interface unless told otherwise.
package platformtest
