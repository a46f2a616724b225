//! A message in the form that each receiver wants. Texts may come from Redis, where anybody may have written them: none
//! becomes markup, mentions a person, or makes a receiver fetch something.

use serde_json::{Value, json};

use crate::alerts::message::Message;

/// The most UTF-16 units of a text: what Slack, Discord and Telegram take, and a little less.
const SLACK: usize = 3_500;
const DISCORD: usize = 1_900;
const TELEGRAM: usize = 4_000;
/// Discord shows no previews of links.
const SUPPRESS_EMBEDS: u32 = 4;

/// For programs.
pub fn json(message: &Message) -> Value {
    let mut whole = json!(message);
    if let Some(fields) = whole.as_object_mut() {
        fields.remove("lines");
        fields.insert("text".into(), message.text().into());
    }
    whole
}

pub fn slack(message: &Message) -> Value {
    let escaped = |line: &str| line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "text": fit(message, SLACK, escaped), "mrkdwn": false, "unfurl_links": false, "unfurl_media": false })
}

pub fn discord(message: &Message) -> Value {
    let escaped = |line: &str| {
        let mut text = String::new();
        for character in line.chars() {
            if character.is_ascii_punctuation() && !"/.,:%".contains(character) {
                text.push('\\');
            }
            text.push(character);
        }
        text
    };
    json!({
        "content": fit(message, DISCORD, escaped),
        "allowed_mentions": { "parse": [] },
        "flags": SUPPRESS_EMBEDS,
    })
}

/// Without a parse mode, so that it is plain text. A word joiner keeps a name from becoming a mention.
pub fn telegram(message: &Message, chat: &str) -> Value {
    let text = fit(message, TELEGRAM, |line| line.replace('@', "@\u{2060}"));
    json!({ "chat_id": chat, "text": text, "link_preview_options": { "is_disabled": true } })
}

/// As many whole lines as fit.
fn fit(message: &Message, most: usize, escaped: impl Fn(&str) -> String) -> String {
    let mut text = escaped(&message.title);
    let mut size = text.encode_utf16().count();
    for line in &message.lines {
        let line = escaped(line);
        size += 1 + line.encode_utf16().count();
        if size + 2 > most {
            return text + "\n…";
        }
        text = text + "\n" + &line;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::condition::Condition;
    use crate::alerts::message::Line;

    const EVIL: &str = "<!channel> @everyone *b* [x](http://evil) `c` <script>&";

    fn message(text: &str) -> Message {
        let line = Line { condition: Condition::Silent, subject: "1".into(), text: text.into(), since_ms: 0 };
        Message::new(0, vec![line], Vec::new(), 0)
    }

    #[test]
    fn no_text_becomes_markup_or_a_mention() {
        let said =
            |value: Value, name: &str| value[name].as_str().unwrap().lines().nth(1).unwrap().to_owned();
        let message = message(EVIL);
        assert_eq!(
            said(slack(&message), "text"),
            "silent: 1: &lt;!channel&gt; @everyone *b* [x](http://evil) `c` &lt;script&gt;&amp;"
        );
        assert_eq!(
            said(discord(&message), "content"),
            r"silent: 1: \<\!channel\> \@everyone \*b\* \[x\]\(http://evil\) \`c\` \<script\>\&"
        );
        assert_eq!(discord(&message)["allowed_mentions"], json!({ "parse": [] }));
        let plain = telegram(&message, "7");
        assert!(said(plain.clone(), "text").contains("@\u{2060}everyone"));
        assert_eq!((plain.get("parse_mode"), &plain["chat_id"]), (None, &json!("7")));
        assert_eq!(said(json(&message), "text"), format!("silent: 1: {EVIL}"));
    }

    #[test]
    fn a_long_message_is_cut_after_a_whole_line() {
        let line = |at: usize| Line {
            condition: Condition::all().nth(at % 14).unwrap(),
            subject: "𝄞*".repeat(45),
            text: "*".repeat(240),
            since_ms: 0,
        };
        let message = Message::new(0, (0..56).map(line).collect(), (0..56).map(line).collect(), 0);
        for (value, name, most) in [
            (slack(&message), "text", SLACK),
            (discord(&message), "content", 2_000),
            (telegram(&message, "7"), "text", 4_096),
        ] {
            let text = value[name].as_str().unwrap();
            let size = text.encode_utf16().count();
            assert!(size <= most && size > most / 2 && text.ends_with("\n…"), "{name}: {size}");
        }
    }
}
