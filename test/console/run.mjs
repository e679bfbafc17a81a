// Drives the console of a demo in Chromium, as the team and the archivist would: login, queue, decide by key, undo, archive search,
// and every page held against WCAG by axe. It waits for conditions, never for a time.
//
//   TAKHOJD_BIN=./takhojd node run.mjs
//
// TAKHOJD_BIN is the binary; CHROMIUM the browser (default /usr/bin/chromium); SHOTS a folder for a picture of each page, if one is
// wanted. The last line is "N passed, N failed".

import { chromium } from "playwright-core";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { patience, startDemo } from "./demo.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let passed = 0;
let failed = 0;

async function check(name, body) {
	try {
		await body();
		passed++;
		console.log(`ok    ${name}`);
	} catch (error) {
		failed++;
		console.log(`FAIL  ${name}\n      ${String(error.stack || error).split("\n").slice(0, 12).join("\n      ")}`);
	}
}

const { demo, line } = startDemo();
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});

try {
	const [, base, link] = await line(/(http:\/\/[^/\s]+)(\/login\/\S+)/);
	const [, publicPage] = await line(/ser:\s+(http:\/\/\S+)/);
	const context = await browser.newContext({ locale: "sv-SE", viewport: { width: 1280, height: 860 } });
	context.setDefaultTimeout(patience);
	const page = await context.newPage();
	const complaints = [];
	page.on("console", message => { if (message.type() === "error") complaints.push(message.text()); });
	page.on("pageerror", error => complaints.push(error.message));

	const heading = () => page.locator("main h1").innerText();
	const current = () => page.locator("article.case").getAttribute("data-case");
	const say = name => page.locator("#flash").getByText(name);

	// The platform is told in the background: asks for the page again and again until it says that it is done. (waitForFunction takes the
	// promise of an async function for true.)
	const pageSays = async text => {
		for (const late = Date.now() + patience; Date.now() < late;) {
			if ((await (await context.request.get(page.url())).text()).includes(text)) return;
			await page.waitForTimeout(200);
		}
		assert.fail(`${page.url()} never says ${text}`);
	};

	await check("a login link opens the desk, once", async () => {
		await page.goto(base + link);
		await page.goto(base + link); // to look is not to use
		await page.getByRole("button", { name: "Logga in" }).click();
		await page.waitForURL(/\/queue/);
		assert.match(new URL(page.url()).pathname, /^\/queue/);
		const stranger = await browser.newContext();
		const second = await stranger.newPage();
		await second.goto(base + link);
		const [refused] = await Promise.all([second.waitForResponse(r => r.request().method() === "POST"), second.getByRole("button", { name: "Logga in" }).click()]);
		assert.equal(refused.status(), 401);
		await stranger.close();
	});

	await check("new flags appear by themselves, and the queue shows one", async () => {
		const fresh = page.locator("p.new:not([hidden]) a").first();
		const shown = page.locator("article.case");
		await fresh.or(shown).first().waitFor();
		if (!(await shown.count())) await fresh.click();
		await shown.waitFor();
		assert.match(await heading(), /^Kommentar av /);
		await page.locator(".list [aria-current]").waitFor();
	});

	await check("the stream is played to its end", async () => {
		await line(/^Klart/);
		await page.goto(base + "/queue");
		await page.locator("article.case").waitFor();
		assert.ok(await page.locator(".list li").count() > 3, "the queue has too little in it to test with");
	});

	await check("j and k walk the queue", async () => {
		const first = await current();
		await page.keyboard.press("j");
		await page.waitForFunction(id => document.querySelector("article.case")?.dataset.case !== id, first);
		await page.keyboard.press("k");
		await page.waitForFunction(id => document.querySelector("article.case")?.dataset.case === id, first);
	});

	// A serious threat leads the queue and is hidden already: what stands is what a reviewer decides most of the time.
	const toStanding = async () => {
		await page.goto(base + "/queue");
		for (let i = 0; i < 30 && !(await page.locator("button[data-key=a]").count()); i++) {
			const id = await current();
			await page.keyboard.press("j");
			await page.waitForFunction(old => document.querySelector("article.case")?.dataset.case !== old, id);
		}
	};

	await check("one key decides, the next comment is there, and the line says what was done", async () => {
		await toStanding();
		const decided = await current();
		const row = `.list a[href^="/queue/${decided}"]`;
		await page.keyboard.press("a");
		await say("Beslutat: låt stå.").waitFor();
		await page.waitForFunction(id => document.querySelector("article.case")?.dataset.case !== id, decided);
		assert.equal(await page.locator(row).count(), 0, "the decided comment is still in the queue");
		assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1", "focus is not at the next comment");
	});

	await check("z takes it back", async () => {
		const next = await current();
		await page.keyboard.press("z");
		await say("Beslutet är ångrat.").waitFor();
		assert.notEqual(await current(), next);
		await page.locator(`.list a[href^="/queue/${await current()}"]`).waitFor();
	});

	await check("h hides on the platform: the public sees it no more", async () => {
		await toStanding();
		const text = (await page.locator(".thread .this .text").first().evaluate(x => {
			const copy = x.cloneNode(true);
			for (const kind of copy.querySelectorAll(".kind")) kind.remove();
			return copy.textContent;
		})).trim();
		const id = await current();
		await page.keyboard.press("h");
		const dialog = page.locator("dialog[open]");
		await dialog.or(page.locator("#flash")).first().waitFor();
		if (await dialog.count()) {
			await dialog.locator("textarea[name=reason]").fill("Bryter mot kommentarsreglerna");
			await dialog.locator("button.main").click();
		}
		await say("Beslutat: dölj.").waitFor();
		await page.goto(`${base}/case/${id}`);
		await pageSays("Plattformen: dölj");
		await page.reload();
		assert.ok(text.length > 0);
		assert.equal(await page.locator(".this .state.hidden").count(), 1);
		const seen = await context.newPage();
		await seen.goto(publicPage);
		const posts = await seen.locator("a[href]").evaluateAll(links => links.map(a => a.href));
		assert.ok(posts.length > 0, "the public page leads to no post");
		for (const post of posts) {
			await seen.goto(post);
			assert.ok(!(await seen.locator("body").innerText()).includes(text), `the hidden comment still stands on ${post}`);
		}
		await seen.close();
	});

	await check("what cannot be undone asks once more, and Escape says no", async () => {
		await page.goto(base + "/queue");
		await page.locator("article.case").waitFor();
		const id = await current();
		const reason = page.locator("dialog[open] textarea[name=reason]");
		await page.keyboard.press("d");
		await reason.waitFor();
		await page.keyboard.press("Escape");
		await reason.waitFor({ state: "hidden" });
		assert.equal(await current(), id);
		await page.keyboard.press("b");
		await reason.waitFor();
		await page.locator("dialog[open] [data-cancel]").click();
		await reason.waitFor({ state: "hidden" });
	});

	await check("? shows the keys, and they can be switched off", async () => {
		await page.keyboard.press("?");
		await page.locator("dialog#keys[open]").waitFor();
		await page.keyboard.press("Escape");
		await page.goto(base + "/help");
		await page.getByRole("main").getByRole("button", { name: "Stäng av tangenterna" }).click();
		await page.locator("html[data-keys=off]").waitFor();
		await page.keyboard.press("?");
		assert.equal(await page.locator("dialog[open]").count(), 0);
		await page.getByRole("main").getByRole("button", { name: "Sätt på tangenterna" }).click();
		await page.locator("html[data-keys=on]").waitFor();
	});

	await check("v shows again what the bot hid, and h stands fast by it", async () => {
		await page.goto(base + "/bot-hidden");
		await page.locator("article.case").waitFor();
		await page.keyboard.press("v");
		await say("Beslutat: visa igen.").waitFor();
		await page.keyboard.press("h");
		await say("Beslutat: stå fast.").waitFor();
	});

	await check("a question is referred, with the suggested reply", async () => {
		await page.goto(base + "/questions");
		await page.locator("article.case").waitFor();
		await page.keyboard.press("r");
		const route = page.locator("dialog[open] details[open]");
		await route.waitFor();
		assert.ok((await route.getByLabel("Svar", { exact: true }).inputValue()).startsWith("Hej"));
		await route.getByRole("button", { name: "Svara under kommentaren" }).click();
		await say("Beslutat: hänvisa.").waitFor();
	});

	let answered; // the comment whose author is told why
	await check("an author is told why in private, in the language chosen, and it can be undone", async () => {
		await page.goto(base + "/bot-hidden");
		await page.locator("article.case").waitFor();
		for (let i = 0; i < 30 && !/Facebook/.test(await page.locator(".place").innerText()); i++) {
			const id = await current();
			await page.keyboard.press("j");
			await page.waitForFunction(old => document.querySelector("article.case")?.dataset.case !== old, id);
		}
		answered = await current();
		const write = async () => {
			await page.keyboard.press("r");
			const form = page.locator("dialog[open] details[open]");
			await form.waitFor();
			await form.getByText("English").click();
			assert.match(await form.getByLabel("Svar på engelska").inputValue(), /^Hello! We have hidden your comment/);
			await form.getByRole("button", { name: "Svara enskilt" }).click();
			await say("Svaret skickas strax.").waitFor();
			assert.equal(await current(), answered, "the comment itself is still to be decided");
		};
		await write();
		await page.keyboard.press("z");
		await say("Beslutet är ångrat.").waitFor();
		await write();
	});

	await check("a template is previewed and saved, and its versions are kept", async () => {
		await page.goto(base + "/templates/tack");
		const text = page.getByLabel("Text", { exact: true });
		await text.fill("Hej från {reggel}");
		await page.getByRole("button", { name: "Förhandsgranska" }).click();
		await page.getByRole("alert").getByText("Platshållaren finns inte").waitFor();
		await text.fill("Hej från {kanal}. Tack för att du skriver.");
		await page.getByRole("button", { name: "Förhandsgranska" }).click();
		await page.locator("blockquote", { hasText: "Hej från Region Stockholm." }).waitFor();
		await page.getByRole("button", { name: "Spara som ny version" }).click();
		await say("Sparat.").waitFor();
		await page.goto(base + "/templates/tack");
		assert.equal(await page.locator(".revisions li").count(), 2);
	});

	await check("the channels are looked at on demand, and found well", async () => {
		await page.goto(base + "/channels");
		await page.getByRole("button", { name: "Kontrollera kanalerna nu" }).click();
		await page.locator("#health:not([data-poll])").waitFor();
		assert.equal(await page.locator(".checks .bad").count(), 0);
		assert.ok(await page.locator(".checks .good").count() > 3);
	});

	await check("a serious threat stands above every page", async () => {
		await page.goto(base + "/rules");
		await page.locator(".alerts a").first().click();
		await page.locator("article.case").waitFor();
		assert.match(await page.locator(".because").innerText(), /^Allvarligt/);
	});

	await check("a post is closed for new comments where the platform can, and opened again", async () => {
		await page.goto(base + "/bot-hidden");
		const row = page.locator(".list li a", { hasText: "bilder" }).first();
		assert.ok(await row.count(), "nothing is hidden on the channel that can close its posts");
		await row.click();
		await page.locator(".postbox").waitFor();
		const press = async name => {
			if (!(await page.locator(".postbox[open]").count())) await page.locator(".postbox summary").click();
			await page.locator(".postbox").getByRole("button", { name }).click();
		};
		await press("Stäng kommentarerna");
		await say("Kommentarerna stängs.").waitFor();
		await pageSays("tar inte emot nya kommentarer");
		await page.reload();
		await press("Öppna kommentarerna");
		await say("Kommentarerna öppnas.").waitFor();
	});

	await check("what was answered is a record of its own", async () => {
		await page.goto(`${base}/case/${answered}`);
		await pageSays("Plattformen: svara enskilt");
		await page.reload();
		assert.match((await page.locator(".history").allInnerTexts()).join("\n"), /svara enskilt\s+gjort/);
		await page.goto(base + "/archive?words=hidden+comment");
		await page.locator(".records tbody tr", { hasText: "Svara enskilt" }).first().getByRole("link").click();
		await page.getByText("Vårt eget svar, enskilt till författaren.").waitFor();
		await page.goto(base + "/queue");
	});

	await check("the archive finds what the bot hid, shows its proof, and exports it", async () => {
		await page.keyboard.press("/");
		await page.locator("input[name=words]").waitFor();
		await page.keyboard.press("/");
		await page.keyboard.type("minut");
		await page.keyboard.press("Enter");
		await page.waitForURL(/words=/);
		const row = page.locator(".records tbody tr", { hasText: "LÅN UTAN UC" }).first();
		await row.waitFor();
		const csv = await page.getByRole("link", { name: "Hämta CSV" }).getAttribute("href");
		const file = await context.request.get(base + csv);
		assert.equal(file.status(), 200);
		assert.ok((await file.text()).includes("LÅN UTAN UC"));
		await row.getByRole("link").click();
		await page.getByText("Visa beviset").click();
		await page.getByText("Kontrollpunkt").waitFor();
	});

	await check("the archive is verified, with its progress shown", async () => {
		await page.goto(base + "/archive/verify");
		await page.getByRole("button", { name: "Starta kontrollen" }).click();
		await page.getByRole("main").getByText("Arkivet är oförändrat.").waitFor();
	});

	await check("without JavaScript one can decide, be asked once more, and undo", async () => {
		const plain = await browser.newContext({ javaScriptEnabled: false, storageState: await context.storageState() });
		const bare = await plain.newPage();
		await bare.goto(base + "/queue");
		const id = new URL(bare.url()).pathname;
		await bare.getByRole("button", { name: /Ta bort/ }).click();
		await bare.getByRole("heading", { name: "Ta bort kommentaren?" }).waitFor();
		await bare.getByRole("link", { name: "Avbryt" }).click();
		assert.equal(new URL(bare.url()).pathname, id);
		await bare.getByRole("button", { name: /Stå fast|Låt stå/ }).click();
		await bare.getByText(/Beslutat: (stå fast|låt stå)/).waitFor();
		await bare.getByRole("button", { name: /Ångra/ }).click();
		await bare.getByText("Beslutet är ångrat.").waitFor();
		assert.equal(new URL(bare.url()).pathname, id);
		await plain.close();
	});

	await check("a disposal is proposed, and another must approve it", async () => {
		await page.goto(base + "/archive");
		await page.getByRole("link", { name: "Till gallringen" }).click();
		const list = page.getByRole("button", { name: "Gör en lista" });
		await list.waitFor(); // all() waits for nothing: on the page before, there is no box to tick
		for (const box of await page.locator("input[name=class]").all()) await box.check();
		await page.locator("input[name=before]").fill("2020-01-01");
		await list.click();
		await page.locator("#disposal strong", { hasText: "Väntar på godkännande" }).waitFor();
		await page.getByText("Det finns inget att gallra").waitFor();
		assert.equal(await page.getByRole("button", { name: "Godkänn och gallra" }).count(), 0);
	});

	await check("a record is held and released by the keyboard", async () => {
		await page.goto(base + "/archive");
		await page.locator(".records tbody a").first().click();
		const place = page.locator("summary", { hasText: "Sätt gallringsstopp" });
		await place.focus();
		await page.keyboard.press("Enter");
		await page.keyboard.press("Tab");
		assert.equal(await page.evaluate(() => document.activeElement.id), "h-reason");
		await page.keyboard.type("begäran om utlämnande");
		await page.keyboard.press("Tab");
		await page.keyboard.type("RS 2026-0007");
		await page.keyboard.press("Enter");
		await page.getByText("Handlingen har gallringsstopp").waitFor();
		await page.goto(base + "/archive");
		await page.getByRole("link", { name: "Till gallringsstoppen" }).click();
		await page.getByRole("cell", { name: "RS 2026-0007" }).waitFor();
		await page.locator("tbody a").first().click();
		await page.locator("summary", { hasText: "Häv gallringsstoppet" }).click();
		await page.getByLabel("Skäl").fill("handlingen är utlämnad");
		await page.getByRole("button", { name: "Häv gallringsstoppet" }).click();
		await page.getByText("Handlingen har inget gallringsstopp").waitFor();
		await page.goto(base + "/archive/holds");
		await page.getByText("Inga handlingar har gallringsstopp").waitFor();
	});

	await check("every page passes axe, in light and dark, and fits 320 px", async () => {
		const someone = await page.goto(base + "/bot-hidden").then(() => page.locator(".thread .this .by a").getAttribute("href"));
		const comment = (await page.locator("article.case").getAttribute("data-case"));
		await page.goto(base + "/archive");
		const record = await page.locator(".records tbody a").first().getAttribute("href");
		const paths = ["/queue", "/bot-hidden", "/questions", `/case/${comment}`, someone, "/archive", record, "/archive/verify", "/archive/holds", "/archive/disposal", "/archive/disposal/1", "/figures", "/channels",
			"/templates", "/templates/tack", `/case/${comment}/reply`,
			"/rules", "/accounts", "/help", "/nowhere"];
		const found = [];
		for (const [width, colorScheme] of [[1280, "light"], [1280, "dark"], [320, "light"]]) {
			await page.setViewportSize({ width, height: 800 });
			await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
			for (const path of paths) {
				await page.goto(base + path);
				await page.evaluate(axe);
				const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
				for (const v of violations) found.push(`${path} ${width} ${colorScheme}: ${v.id}: ${v.nodes[0].html.slice(0, 160)}`);
				const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
				if (over > 0) found.push(`${path} ${width}: ${over} px too wide`);
				if (process.env.SHOTS) {
					mkdirSync(process.env.SHOTS, { recursive: true });
					await page.screenshot({ path: `${process.env.SHOTS}/${path.replaceAll(/[^a-z0-9-]+/gi, "_").slice(0, 40)}-${width}-${colorScheme}.png`, fullPage: true });
				}
			}
		}
		await page.setViewportSize({ width: 1280, height: 860 });
		assert.deepEqual(found, []);
	});

	await check("the pages keep to their own content security policy", async () => {
		assert.deepEqual(complaints.filter(text => !/404|422/.test(text)), []);
	});

	await check("logging out everywhere ends the session", async () => {
		await page.goto(base + "/help");
		await page.locator("details.me summary").click();
		await page.getByRole("button", { name: "Logga ut överallt" }).click();
		await page.getByRole("heading", { name: "Logga in" }).waitFor();
		await page.goto(base + "/queue");
		assert.match(page.url(), /\/login\?next=/);
	});
} catch (error) {
	failed++;
	console.log(`FAIL  ${error.stack || error}`);
} finally {
	await browser.close();
	demo.kill("SIGTERM");
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
