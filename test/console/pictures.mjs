// Makes the pictures of the README anew, from a demo that has been played to its end, into the folder that is named.
//
//   TAKHOJD_BIN=./takhojd node pictures.mjs ../../moderation/console/pictures

import { chromium } from "playwright-core";
import assert from "node:assert/strict";
import { patience, startDemo } from "./demo.mjs";

const folder = process.argv[2];
assert.ok(folder, "name the folder for the pictures");
const { demo, line } = startDemo();
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});

try {
	const [, base, link] = await line(/(http:\/\/[^/\s]+)(\/login\/\S+)/);
	const [, publicPage] = await line(/ser:\s+(http:\/\/[^/\s]+)/);
	await line(/^Klart/);
	const context = await browser.newContext({ locale: "sv-SE", viewport: { width: 1360, height: 1000 }, reducedMotion: "reduce" });
	context.setDefaultTimeout(patience);
	const page = await context.newPage();
	await page.goto(base + link);
	await page.getByRole("button", { name: "Logga in" }).click();

	const picture = (name, more) => page.screenshot({ path: `${folder}/${name}.png`, ...more });
	const open = async (list, words) => {
		await page.goto(`${base}/${list}`);
		const row = page.locator(".list li a", { hasText: words }).first();
		await page.goto(base + await row.getAttribute("href"));
		await page.locator("article.case").waitFor();
	};

	await open("queue", "Ambulanspersonalen");
	await page.locator(".list [aria-current]").evaluate(row => {
		const list = row.closest("ol");
		list.scrollTop = row.offsetTop - list.offsetTop - list.clientHeight / 2;
	});
	await picture("queue");

	await open("questions", "allergisk mot ägg");
	await page.keyboard.press("r");
	await page.locator("dialog[open] textarea:visible").first().waitFor();
	await picture("reply");

	// A platform that lets us hide no more for a while: what waits stands on the channels' page, and until when.
	await context.request.post(publicPage + "/simulate/faults", { data: { errors: [{ kind: "throttled", action: "hide", regain_minutes: 12 }] } });
	await page.goto(`${base}/queue?channel=rs-x`);
	await page.locator("article.case").waitFor();
	await page.keyboard.press("h");
	await page.locator("#flash").waitFor();
	await page.goto(base + "/channels");
	await page.getByRole("button", { name: "Kontrollera kanalerna nu" }).click();
	const says = async text => (await page.locator("main").innerText()).includes(text);
	for (const late = Date.now() + patience; !(await says("gräns är nådd") && await says("inlägg syns"));) {
		assert.ok(Date.now() < late, "nothing waits for the platform, or the channels have not been looked at");
		await page.waitForTimeout(200);
		await page.reload();
	}
	await page.mouse.move(0, 0);
	await picture("channels", { fullPage: true });

	await page.goto(base + "/archive?words=minut");
	await page.locator(".records tbody a").last().click();
	await page.getByText("Visa beviset").click();
	await picture("record", { fullPage: true });

	await page.goto(publicPage);
	await page.locator("a[href]", { hasText: "ambulanssjukvården" }).first().click();
	await picture("public");
} finally {
	await browser.close();
	demo.kill("SIGTERM");
}
