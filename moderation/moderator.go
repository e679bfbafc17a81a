package moderation

// Moderator is the path of a comment.
type Moderator struct{}
