// What the pages do beyond what they do by themselves: keys, swapping the page in place, live counts, keeping the claim of
// what is being read, and counting down the time to undo. Every link and form works without it.
"use strict";
(() => {
	const $ = (query, root = document) => root.querySelector(query);
	const all = (query, root = document) => [...root.querySelectorAll(query)];
	const text = name => document.body.dataset[name] || "";
	const narrow = matchMedia("(max-width: 48rem)");

	let busy = false;
	let active = Date.now(); // when the person last did something
	const fresh = new Set(); // flags that came since the list was read

	const announce = message => { $("#live").textContent = message; };

	// Swapping. The server answers every request with a whole page; its middle is put in the place of ours.

	async function go(url, options = {}) {
		if (busy) return;
		busy = true;
		document.documentElement.classList.add("busy");
		try {
			const response = await fetch(url, { ...options, headers: { Accept: "text/html" } });
			if (!(response.headers.get("Content-Type") || "").startsWith("text/html")) { location.assign(url); return; }
			const page = new DOMParser().parseFromString(await response.text(), "text/html");
			if (!$("#page", page) || page.body.dataset.in !== document.body.dataset.in) { location.assign(response.url); return; }
			show(page, response.url, options.replace);
		} catch {
			announce(text("offline"));
			notice(text("offline"));
		} finally {
			busy = false;
			document.documentElement.classList.remove("busy");
		}
	}

	function show(page, url, replace) {
		document.title = page.title;
		document.documentElement.dataset.keys = page.documentElement.dataset.keys;
		if (narrow.matches) all(".rows", page).forEach(rows => { rows.open = false; });
		$("#page").replaceWith(document.adoptNode($("#page", page)));
		const address = new URL(url);
		if (replace || address.href === location.href) history.replaceState(null, "", address);
		else history.pushState(null, "", address);
		fresh.clear();
		scrollTo(0, 0);
		settle();
		const said = $("#flash p");
		const heading = $("main h1");
		announce(said ? said.textContent : "");
		if (heading) heading.focus({ preventScroll: true });
		const current = $(".list [aria-current]");
		if (current && !narrow.matches) current.scrollIntoView({ block: "nearest" });
	}

	// A line above the comment, for what cannot wait for the next page.
	function notice(message) {
		const into = $(".case") || $("main > *");
		if (!into) return;
		let line = $(".notice.live");
		if (!line) {
			line = document.createElement("p");
			line.className = "notice live";
			into.prepend(line);
		}
		line.textContent = message;
	}

	// What each new page needs: the countdown, the poll of a verification.

	let countdown, poll;
	function settle() {
		clearInterval(countdown);
		clearTimeout(poll);
		const flash = $("#flash");
		const left = flash && $("[data-left]", flash);
		if (left) {
			let seconds = Number(left.dataset.left);
			const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
			const tell = () => { left.textContent = still ? "" : text("seconds").replace("%d", seconds); };
			tell();
			countdown = setInterval(() => {
				// Whoever is on their way to the button is not to see it vanish.
				if (flash.contains(document.activeElement) || flash.matches(":hover")) return;
				seconds--;
				tell();
				if (seconds <= 0) { clearInterval(countdown); flash.remove(); }
			}, 1000);
		} else if (flash) {
			countdown = setTimeout(() => flash.remove(), 6000);
		}
		const polled = $("[data-poll]");
		if (polled) poll = setTimeout(() => refresh(polled), Number(polled.dataset.poll));
	}

	async function refresh(part) {
		try {
			const response = await fetch(location.href, { headers: { Accept: "text/html" } });
			const page = new DOMParser().parseFromString(await response.text(), "text/html");
			const now = $("#" + part.id, page);
			if (now && part.isConnected) {
				part.replaceWith(document.adoptNode(now));
				if (!now.dataset.poll) announce(($("strong", now) || now).textContent);
			}
		} catch { /* the next round asks again */ }
		settle();
	}

	// Clicks and forms of our own site are swapped in; downloads and other sites go their way.

	document.addEventListener("click", event => {
		active = Date.now();
		const cancel = event.target.closest("[data-cancel]");
		const dialog = cancel && cancel.closest("dialog");
		if (dialog) { event.preventDefault(); dialog.close(); return; }
		const opener = event.target.closest("[data-dialog]");
		if (opener && ask(opener)) { event.preventDefault(); return; }
		const link = event.target.closest("a[href]");
		if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
		if (link.target || link.hasAttribute("download") || link.origin !== location.origin || link.hash || link.pathname.startsWith("/media/")) return;
		event.preventDefault();
		go(link.href);
	});

	// ask opens the dialog that asks once more; false when the page has none, and the server asks instead.
	function ask(opener) {
		const dialog = document.getElementById(opener.dataset.dialog);
		if (!dialog || !dialog.showModal) return false;
		const menu = opener.closest("details.me");
		if (menu) menu.open = false;
		const written = $("#reason");
		const reason = $("textarea[name=reason]", dialog);
		if (reason && written && written.value.trim()) reason.value = written.value;
		dialog.showModal();
		const first = $("button.main", $("details[open]", dialog) || dialog) || $("summary, button", dialog);
		if (first) first.focus();
		return true;
	}

	document.addEventListener("submit", event => {
		active = Date.now();
		const form = event.target;
		const button = event.submitter;
		// Not form.action: a field of that name stands in its way.
		const target = new URL(form.getAttribute("action") || "", location.href);
		if (form.method === "dialog" || target.origin !== location.origin) return;
		event.preventDefault();
		if (busy) return;
		const data = new URLSearchParams(new FormData(form, button));
		const dialog = form.closest("dialog");
		if (dialog) dialog.close();
		if (form.method === "get") {
			for (const [name, value] of [...data]) if (!value) data.delete(name);
			go(target.pathname + (data.size ? "?" + data : ""));
		} else if (target.pathname.startsWith("/log") || target.pathname === "/language") {
			HTMLFormElement.prototype.submit.call(copied(form, data)); // the whole page changes
		} else {
			go(target.href, { method: "POST", body: data });
		}
	});

	// submit() leaves out which button was pressed; it goes along as a field.
	function copied(form, data) {
		for (const old of all("input[data-copied]", form)) old.remove();
		for (const [name, value] of data) {
			if (form.elements[name] && form.elements[name].tagName !== "BUTTON") continue;
			const field = document.createElement("input");
			Object.assign(field, { type: "hidden", name, value });
			field.dataset.copied = "yes";
			form.append(field);
		}
		return form;
	}

	addEventListener("popstate", () => go(location.href, { replace: true }));

	// Keys. A key presses what carries it; what the page does not offer has no key.

	document.addEventListener("keydown", event => {
		active = Date.now();
		if (event.key === "Escape") { const menu = $("details.me[open]"); if (menu) { menu.open = false; $("summary", menu).focus(); } return; }
		if (document.documentElement.dataset.keys === "off" || event.repeat || busy || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
		if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") || $("dialog[open]")) return;
		const key = event.key.toLowerCase();
		const target = all("[data-key]").find(x => x.dataset.key === key);
		if (!target) return;
		event.preventDefault();
		if (target.matches("input, select")) target.focus();
		else target.click();
	});

	// Live counts. New flags change a number and a line, never what is being read.

	function listen() {
		const events = new EventSource("/events");
		events.addEventListener("update", event => {
			const now = JSON.parse(event.data);
			for (const place of all("[data-count]")) {
				const n = now[place.dataset.count] || 0;
				place.textContent = n ? n.toLocaleString(document.documentElement.lang) : "";
			}
			for (const flag of now.opened || []) if (!$(`[data-flag="${flag}"]`)) fresh.add(flag);
			for (const flag of now.closed || []) {
				fresh.delete(flag);
				const row = $(`.list [data-flag="${flag}"]:not([aria-current])`);
				if (row) row.classList.add("settled");
			}
			tellNew();
		});
		events.addEventListener("end", () => { events.close(); location.reload(); });
	}

	function tellNew() {
		if (!location.pathname.startsWith("/queue")) return;
		for (const line of all(".new")) {
			line.hidden = fresh.size === 0;
			$("a", line).textContent = text("new").replace("%d", fresh.size);
		}
	}

	// The claim of what is being read is renewed while somebody is there to read it; else it lapses, and a colleague can go on.

	const away = 5 * 60 * 1000;
	for (const sign of ["pointermove", "scroll", "touchstart"]) addEventListener(sign, () => { active = Date.now(); }, { passive: true });
	setInterval(async () => {
		const held = $("[data-held]");
		if (!held || document.hidden || Date.now() - active > away) return;
		try {
			const response = await fetch("/claim/" + held.dataset.held, { method: "POST" });
			if (response.status === 409 || response.status === 404) {
				delete held.dataset.held;
				notice(text("taken"));
				announce(text("taken"));
			}
		} catch { /* the next round tries again */ }
	}, 45 * 1000);

	if (narrow.matches) all(".rows").forEach(rows => { rows.open = false; });
	settle();
	if (document.body.dataset.in) listen();
})();
