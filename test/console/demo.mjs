import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

// How long a condition is waited for, in milliseconds.
export const patience = 30_000;

// The demo prints the login link first, and "Klart" when the stream has been played and all is settled.
export function startDemo() {
	const demo = spawn(process.env.TAKHOJD_BIN || "takhojd", ["demo", "--addr", "127.0.0.1:0", "--speed", "60"], { stdio: ["ignore", "pipe", "pipe"] });
	const lines = [];
	const waiting = [];
	createInterface({ input: demo.stdout }).on("line", line => {
		lines.push(line);
		for (const w of [...waiting]) w();
	});
	demo.stderr.pipe(process.stderr);
	let ended;
	demo.once("exit", code => { ended = new Error(`the demo ended with ${code}`); for (const w of [...waiting]) w(); });
	const line = pattern => new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`the demo did not print ${pattern}`)), 4 * patience);
		const look = () => {
			const found = lines.map(l => l.match(pattern)).find(Boolean);
			if (!found && !ended) return;
			clearTimeout(timer);
			waiting.splice(waiting.indexOf(look), 1);
			if (found) resolve(found);
			else reject(ended);
		};
		waiting.push(look);
		look();
	});
	return { demo, line };
}
