-- What the team says: texts that it keeps ready, and what is sent.

-- Every version of every template; the one with the highest number is in use.
CREATE TABLE templates (
    name     TEXT    NOT NULL,             -- a-z, 0-9 and hyphens, chosen once
    version  INTEGER NOT NULL,             -- from 1
    use      TEXT    NOT NULL,             -- removed, medical, transit, press, any: when it is suggested
    title_sv TEXT    NOT NULL,
    title_en TEXT    NOT NULL,
    text_sv  TEXT    NOT NULL,
    text_en  TEXT    NOT NULL,
    retired  INTEGER NOT NULL DEFAULT 0,
    by_whom  TEXT    NOT NULL DEFAULT '',  -- the person's account; empty: it came with the program
    at       BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (name, version)
);

-- The template and version that a reply was made from ("tack/3").
ALTER TABLE outbox ADD COLUMN template TEXT NOT NULL DEFAULT '';

INSERT INTO templates (name, version, use, title_sv, title_en, text_sv, text_en) VALUES
('dold', 1, 'removed', 'Varför kommentaren är dold eller borttagen', 'Why the comment is hidden or removed',
'Hej! Vi har {åtgärd} din kommentar hos {kanal}. Den bryter mot våra kommentarsregler, punkten ”{regel}”. {förklaring} Du är välkommen att skriva igen så länge du följer reglerna.',
'Hello! We have {åtgärd} your comment on {kanal}. It breaks our comment rules: “{regel}”. {förklaring} You are welcome to write again as long as you follow the rules.'),
('varden', 1, 'medical', 'Hänvisa till 1177', 'Refer to 1177', '{hänvisning}', '{hänvisning}'),
('resor', 1, 'transit', 'Hänvisa till SL', 'Refer to SL', '{hänvisning}', '{hänvisning}'),
('pressen', 1, 'press', 'Hänvisa till pressjouren', 'Refer to the press office', '{hänvisning}', '{hänvisning}'),
('tack', 1, 'any', 'Tack för kommentaren', 'Thanks for the comment',
'Hej! Tack för att du hör av dig. Vi har läst det du skriver och tar det med oss.',
'Hello! Thank you for getting in touch. We have read what you wrote and will take it with us.'),
('lugn', 1, 'any', 'Be om god ton', 'Ask for a civil tone',
'Hej! Här får du gärna tycka olika och vara kritisk mot oss. Vi ber dig att hålla en god ton mot dem du diskuterar med.',
'Hello! You are welcome to disagree here, and to criticise us. We ask you to keep a civil tone towards those you discuss with.');
