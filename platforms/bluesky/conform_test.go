package bluesky_test

import (
	"testing"
	"time"

	"takhojd/platforms"
	"takhojd/platforms/bluesky"
	"takhojd/platforms/platformtest"
)

var (
	region = platformtest.Account{Platform: platforms.Bluesky, ID: "did:plc:regionstockholm234567abc", Name: "Region Stockholm", Token: "abcd-efgh-ijkl-mnop"}
	other  = platformtest.Account{Platform: platforms.Bluesky, ID: "did:plc:regionvarmland2345672abc", Name: "Region Värmland", Token: "qrst-uvwx-yzab-cdef"}
	anna   = platforms.Author{ID: "did:plc:annaandersson2345677abcd", Name: "Anna Andersson"}
)

func TestConformance(t *testing.T) {
	platformtest.Conform(t, platformtest.Subject{
		Options: platformtest.Options{Accounts: []platformtest.Account{region, other}},
		Account: region, Stranger: other, Citizen: anna,
		New: func(t testing.TB, s *platformtest.Server, channel platforms.Channel, account platformtest.Account) platformtest.Adapter {
			a, err := bluesky.NewAccount(bluesky.Config{Service: s.URL(), AppPassword: account.Token, Channel: channel, ListenEvery: 20 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			return a
		},
		Pushes: []platforms.EventKind{platforms.Added},
		// The list of hidden replies takes any address.
		HidesUnseen: true,
	})
}
