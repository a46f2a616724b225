//! Halts and throttles, for all instances or for some: first what would happen, then the command itself. Whether the
//! instances obey is in their heartbeats.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use mt5_redis::model::halt::{Halt, MT5REDIS_HALT_ALL, MT5REDIS_HALT_ENTRIES, MT5REDIS_HALT_NONE, WHY_LIMIT};
use mt5_redis::model::{InstanceId, key};
use redis::{Cmd, FromRedisValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::Caller;
use super::audit;
use super::problem::{Body, Problem};
use super::serve::Room;
use crate::govern::directives::{Directive, FOR_ALL};
use crate::halt::order;
use crate::observe::nodes::{Nodes, answer_about_key};
use crate::output;

/// The most instances of one command that is not for all.
const MOST: usize = 2_000;
/// The longest throttle, minutes.
const LONGEST: u32 = 24 * 60;

/// What to command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Open no new positions
    HaltEntries,
    /// Open no new positions, and then close the copies
    HaltAndClose,
    /// End a halt
    Resume,
    /// Send less, at `level`, for `minutes`
    Throttle,
    /// End a throttle
    EndThrottle,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::HaltEntries => "halt-entries",
            Self::HaltAndClose => "halt-and-close",
            Self::Resume => "resume",
            Self::Throttle => "throttle",
            Self::EndThrottle => "end-throttle",
        }
    }

    /// Whether it makes the fleet safer, so that it must not fail for want of a record.
    fn is_brake(self) -> bool {
        matches!(self, Self::HaltEntries | Self::HaltAndClose | Self::Throttle)
    }
}

/// A command, for all instances or for those that are listed.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    pub what: What,
    /// For all instances, also those that come later
    #[serde(default)]
    pub all: bool,
    /// For these
    #[serde(default)]
    pub instances: Vec<String>,
    /// The reason, which traders see: 1 to 120 characters. A preview needs none
    #[serde(default)]
    pub why: String,
    /// Of a throttle: 1 slow, 2 heavy, 3 critical
    #[serde(default)]
    pub level: u8,
    /// Of a throttle: how long, 1 to 1440
    #[serde(default)]
    pub minutes: u32,
}

/// What a command would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// In order
    pub effects: Vec<String>,
    /// How many of those that it concerns are alive
    pub alive: usize,
    /// How many are not: they hear of it when they connect
    pub away: usize,
    /// How many open positions those that are alive have
    pub positions: u64,
    /// The values that it replaces
    pub replaces: Vec<Replaced>,
}

/// A value in Redis that a command replaces.
#[derive(Debug, Serialize, ToSchema)]
pub struct Replaced {
    pub key: String,
    pub value: String,
}

/// What became of a command.
#[derive(Debug, Serialize, ToSchema)]
pub struct Done {
    /// How many keys were written
    pub written: usize,
    /// What was not written, and why
    pub failed: Vec<String>,
    /// The entry in the audit stream; none: it could not be written
    pub audit: Option<String>,
    /// What the caller should know
    pub note: Option<String>,
}

/// What a command would do; it changes nothing
#[utoipa::path(post, path = "/commands/preview", tag = "commands", request_body = Command, responses(
    (status = 200, description = "what would happen", body = Preview),
    (status = 403, description = "the caller may only view", body = Problem),
    (status = 422, description = "the command makes no sense", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn preview(
    State(room): State<Arc<Room>>,
    Extension(caller): Extension<Caller>,
    Body(command): Body<Command>,
) -> Result<Json<Preview>, Problem> {
    room.check_operate(&caller)?;
    let keys = keys(&command)?;
    check_throttle(&command)?;
    room.work(move |room| foresee(room, &command, &keys)).await.map(Json)
}

/// Commands a halt, a throttle, or the end of one
#[utoipa::path(post, path = "/commands", tag = "commands", request_body = Command, responses(
    (status = 200, description = "what was written; the heartbeats show who obeys", body = Done),
    (status = 403, description = "the caller may only view", body = Problem),
    (status = 422, description = "the command makes no sense", body = Problem),
    (status = 502, description = "Redis does not answer", body = Problem),
))]
pub async fn act(
    State(room): State<Arc<Room>>,
    Extension(caller): Extension<Caller>,
    Body(command): Body<Command>,
) -> Result<Json<Done>, Problem> {
    room.check_operate(&caller)?;
    let keys = keys(&command)?;
    check_throttle(&command)?;
    let halt =
        Halt { level: MT5REDIS_HALT_NONE, who: caller.name.clone(), why: command.why.trim().to_owned() };
    if halt.why.is_empty() {
        return Err(Problem::bad("the reason is empty: traders must see one"));
    }
    if !order::can_be_read(&halt) {
        let words = format!("the reason has more than {WHY_LIMIT} characters, or control characters");
        return Err(Problem::bad(words));
    }
    let done = room.work(move |room| carry_out(room, &caller, &command, &keys, &halt)).await?;
    Ok(Json(done))
}

/// The keys that a command writes.
fn keys(command: &Command) -> Result<Vec<String>, Problem> {
    if command.all != command.instances.is_empty() {
        return Err(Problem::bad("a command is either for all, or for the instances that it lists"));
    }
    if command.instances.len() > MOST {
        return Err(Problem::bad(format!(
            "a command lists at most {MOST} instances: send several, or one for all"
        )));
    }
    let is_throttle = matches!(command.what, What::Throttle | What::EndThrottle);
    if command.all {
        return Ok(vec![if is_throttle { FOR_ALL } else { key::HALT }.to_owned()]);
    }
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for instance in &command.instances {
        InstanceId::new(instance).map_err(|error| Problem::bad(error.to_string()))?;
        if seen.insert(instance) {
            keys.push(if is_throttle { key::directive(instance) } else { key::halt(instance) }.to_string());
        }
    }
    Ok(keys)
}

fn check_throttle(command: &Command) -> Result<(), Problem> {
    let fits = (1..=3).contains(&command.level) && (1..=LONGEST).contains(&command.minutes);
    match command.what == What::Throttle && !fits {
        true => Err(Problem::bad(format!("a throttle has a level of 1 to 3, and 1 to {LONGEST} minutes"))),
        false => Ok(()),
    }
}

fn connect(room: &Room) -> Result<Nodes, Problem> {
    let [mut nodes, ..] = Nodes::lanes(&room.config);
    match nodes.refresh() {
        Ok(_) => Ok(nodes),
        Err(error) => Err(Problem::upstream(&nodes.describe(&error))),
    }
}

fn foresee(room: &Room, command: &Command, keys: &[String]) -> Result<Preview, Problem> {
    let look = room.looks.borrow().clone();
    let wanted: HashSet<&String> = command.instances.iter().collect();
    let concerned = look.fleet.instances.iter().filter(|row| command.all || wanted.contains(&row.id));
    let (alive, away): (Vec<_>, Vec<_>) = concerned.partition(|row| row.alive);
    let positions = alive.iter().filter_map(|row| row.beat.as_ref()).map(|beat| beat.positions).sum();
    let away = if command.all { away.len() } else { wanted.len() - alive.len() };
    let replaces = values(&mut connect(room)?, keys)?;
    Ok(Preview { effects: effects(command), alive: alive.len(), away, positions, replaces })
}

/// What the keys hold now.
fn values(nodes: &mut Nodes, keys: &[String]) -> Result<Vec<Replaced>, Problem> {
    let get = |key: &String| redis::cmd("GET").arg(key).clone();
    let commands: Vec<_> = keys.iter().map(|key| (key.as_str(), get(key))).collect();
    let answers = nodes.ask_all(&commands).map_err(|error| Problem::upstream(&nodes.describe(&error)))?;
    let mut found = Vec::new();
    for (key, answer) in keys.iter().zip(answers) {
        let value = answer_about_key(answer).map_err(|error| Problem::upstream(&nodes.describe(&error)))?;
        let value = value.and_then(|value| Option::<String>::from_redis_value(value).ok().flatten());
        found.extend(value.map(|value| Replaced { key: key.clone(), value: output::sanitized(&value) }));
    }
    Ok(found)
}

/// What happens, in the order in which it does.
fn effects(command: &Command) -> Vec<String> {
    let halted =
        "They open no new positions. Closes and changes of stops go on. This lasts until somebody ends it.";
    let one: &[&str] = match command.what {
        What::HaltEntries => &[halted],
        What::HaltAndClose => &[halted, "Then followers close all their copies, at the market."],
        What::Resume if command.all => {
            &["They may open positions again, except those that have a halt of their own."]
        }
        What::Resume => &["They may open positions again, unless the halt for all still counts."],
        What::Throttle => match command.level {
            1 => &["They send half of their heartbeats, and prices once a second. Signals are not affected."],
            2 => &["They send only opens, changes and closes of positions. Signals are not affected."],
            _ => &[
                "They send only what is needed to count as alive, and opens, changes and closes. Signals are not affected.",
            ],
        },
        What::EndThrottle => {
            &["They send as often as usual, unless the governor or they themselves see pressure."]
        }
    };
    one.iter().map(|&effect| effect.to_owned()).collect()
}

fn carry_out(
    room: &Room,
    caller: &Caller,
    command: &Command,
    keys: &[String],
    halt: &Halt,
) -> Result<Done, Problem> {
    let on = if command.all { "all".to_owned() } else { command.instances.join(" ") };
    let what = match command.what {
        What::Throttle => format!("throttle level {} for {} minutes", command.level, command.minutes),
        what => what.name().to_owned(),
    };
    let [_, mut records, _] = Nodes::lanes(&room.config);
    let recorded = records
        .refresh()
        .and_then(|_| audit::write(&mut records, caller, &what, &on, &halt.why, ""))
        .map_err(|error| format!("the audit stream cannot be written: {}", records.describe(&error)));
    if let Err(why) = &recorded
        && !command.what.is_brake()
    {
        return Err(Problem::upstream(&format!("nothing was done, because {why}")));
    }
    let failed = write(room, command, keys, halt);
    // Whoever waits for the page to show it should not wait for the next look.
    let _ = room.poke.try_send(());
    let failed = failed.unwrap_or_else(|problem| vec![problem.error]);
    if !failed.is_empty() && recorded.is_ok() {
        let _ = audit::write(&mut records, caller, &what, &on, &halt.why, &failed.join("; "));
    }
    let written = keys.len().saturating_sub(failed.len());
    let (audit, note) = match recorded {
        Ok(id) => (Some(id), None),
        Err(why) => (None, Some(format!("it was done all the same, but {}", output::sanitized(&why)))),
    };
    match written == 0 {
        true => Err(Problem::upstream(&format!("nothing was done: {}", failed.join("; ")))),
        false => Ok(Done { written, failed, audit, note }),
    }
}

/// Writes the keys. Returns what was not written, and why.
fn write(room: &Room, command: &Command, keys: &[String], halt: &Halt) -> Result<Vec<String>, Problem> {
    let mut nodes = connect(room)?;
    let set_halt = |level| {
        let value = Halt { level, ..halt.clone() }.to_string();
        move |key: &String| redis::cmd("SET").arg(key).arg(&value).clone()
    };
    match command.what {
        What::HaltEntries => all(&mut nodes, keys, set_halt(MT5REDIS_HALT_ENTRIES)),
        What::HaltAndClose => {
            // Nobody may open a position while another still closes.
            let failed = all(&mut nodes, keys, set_halt(MT5REDIS_HALT_ENTRIES))?;
            if failed.is_empty() { all(&mut nodes, keys, set_halt(MT5REDIS_HALT_ALL)) } else { Ok(failed) }
        }
        What::Resume => all(&mut nodes, keys, set_halt(MT5REDIS_HALT_NONE)),
        What::Throttle => {
            let now_ms = nodes.now_ms().map_err(|error| Problem::upstream(&nodes.describe(&error)))?;
            let time = Duration::from_secs(u64::from(command.minutes) * 60);
            let value = Directive::lasting(command.level, now_ms, time).to_string();
            all(&mut nodes, keys, |key| redis::cmd("SET").arg(key).arg(&value).clone())
        }
        What::EndThrottle => all(&mut nodes, keys, |key| redis::cmd("DEL").arg(key).clone()),
    }
}

fn all(nodes: &mut Nodes, keys: &[String], command: impl Fn(&String) -> Cmd) -> Result<Vec<String>, Problem> {
    let commands: Vec<_> = keys.iter().map(|key| (key.as_str(), command(key))).collect();
    let answers = nodes.ask_all(&commands).map_err(|error| Problem::upstream(&nodes.describe(&error)))?;
    let told = |(key, answer): (&String, redis::RedisResult<redis::Value>)| {
        let error = answer.err()?;
        Some(format!("{key}: {}", output::sanitized(&nodes.describe(&error.into()))))
    };
    Ok(keys.iter().zip(answers).filter_map(told).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(what: What) -> Command {
        Command { what, all: true, instances: Vec::new(), why: String::new(), level: 0, minutes: 0 }
    }

    #[test]
    fn a_command_names_whom_it_concerns() {
        assert_eq!(keys(&command(What::HaltEntries)).unwrap(), ["halt"]);
        assert_eq!(keys(&command(What::Throttle)).unwrap(), ["ctl"]);
        let some = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let listed =
            |what, names: &[&str]| keys(&Command { all: false, instances: some(names), ..command(what) });
        assert_eq!(listed(What::Resume, &["1.A", "2.B", "1.A"]).unwrap(), ["halt:{1.A}", "halt:{2.B}"]);
        assert_eq!(listed(What::EndThrottle, &["1.A"]).unwrap(), ["ctl:{1.A}"]);
        assert!(listed(What::Resume, &[]).is_err(), "nobody is not everybody");
        assert!(keys(&Command { instances: some(&["1.A"]), ..command(What::Resume) }).is_err(), "both");
        for name in ["", "a b", "x}:{y", "*"] {
            assert!(listed(What::Resume, &[name]).is_err(), "{name}");
        }
        let many: Vec<String> = (0..=MOST).map(|name| name.to_string()).collect();
        assert!(keys(&Command { all: false, instances: many, ..command(What::Resume) }).is_err());
    }

    #[test]
    fn a_throttle_has_a_level_and_an_end() {
        let throttle =
            |level, minutes| check_throttle(&Command { level, minutes, ..command(What::Throttle) }).is_ok();
        assert!(throttle(1, 1) && throttle(3, LONGEST));
        assert!(!throttle(0, 1) && !throttle(4, 1) && !throttle(1, 0) && !throttle(1, LONGEST + 1));
        assert!(check_throttle(&command(What::HaltEntries)).is_ok());
    }
}
