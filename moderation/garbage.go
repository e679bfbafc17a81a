package moderation

import (
	"os"
	"runtime/debug"
)

// garbage is how much may be left lying before it is collected, in percent of what is in use.
const garbage = 400

// CollectSeldom lets the process collect its garbage a quarter as often as Go would. While it is collected, for some 10 ms, half of the
// comments wait for more than 2.5 ms: at 1,000 a second that was each second, and so for one comment in a hundred. What is in use is
// some 40 MB, most of it the word lists, so that the heap may take 200 MB and not 80. GOGC, where it is set, has its way; GOMEMLIMIT
// bounds it all.
func CollectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}
