// Starts a whole Bluesky network – directory, personal data server, AppView, Ozone – on free ports of this machine, says in one line of JSON
// where it is, and ends when it is told to or when whoever started it is gone.
import { TestNetwork } from '@atproto/dev-env'

const network = await TestNetwork.create({ pds: { hostname: 'localhost', enableDidDocWithSession: true }, bsky: { dbPostgresSchema: 'bsky' } })
console.log(JSON.stringify({ pds: network.pds.url, appview: network.bsky.url }))

const end = () => {
  setTimeout(() => process.exit(1), 5000).unref()
  network.close().finally(() => process.exit(0))
}
process.on('SIGTERM', end)
process.stdin.on('end', end).resume()
