//! What terminals write, typed by hand.

use redis::{Cmd, Connection, cmd, pipe};

/// The server's clock, ms.
pub fn now_ms(redis: &mut Connection) -> u64 {
    let (seconds, micros): (u64, u64) = cmd("TIME").query(redis).unwrap();
    seconds * 1000 + micros / 1000
}

/// A heartbeat of a calm instance, with these fields besides.
pub fn heartbeat(redis: &mut Connection, instance: &str, fields: &[(&str, &str)]) {
    let now = now_ms(redis);
    hash(instance, fields).exec(redis).unwrap();
    list(redis, instance, now);
}

/// The same of many instances in one transaction, so that nobody sees only some of them.
pub fn heartbeats(redis: &mut Connection, instances: &[String], fields: &[(&str, &str)]) {
    let now = now_ms(redis);
    let mut all = pipe();
    all.atomic();
    for instance in instances {
        all.add_command(hash(instance, fields)).zadd("il", instance, now);
    }
    all.exec(redis).unwrap();
}

fn hash(instance: &str, fields: &[(&str, &str)]) -> Cmd {
    let mut hash = cmd("HSET");
    hash.arg(format!("is:{{{instance}}}"));
    let calm = "v=2 lg=7 sv=Demo-Server co=Broker cu=EUR ac=0 ba=1000 eq=1000 mg=0 ml=0 cn=1 at=1 et=1 aa=1 ae=1 \
                iv=60000 th=0 ck=0 ha=0 jp=0";
    for (name, value) in calm.split(' ').filter_map(|pair| pair.split_once('=')) {
        hash.arg(name).arg(value);
    }
    for (name, value) in fields {
        hash.arg(name).arg(value);
    }
    hash
}

/// Adds a name to the list of instances.
pub fn list(redis: &mut Connection, instance: &str, time_ms: u64) {
    cmd("ZADD").arg("il").arg(time_ms).arg(instance).exec(redis).unwrap();
}

/// The equity of an account some minutes ago, without open positions.
pub fn history(redis: &mut Connection, instance: &str, minutes_ago: u64, equity: u64) {
    let key = format!("ih:{{{instance}}}");
    let minute = now_ms(redis) / 60_000 - minutes_ago;
    let lap = minute / 2880;
    // In units of 1.
    let word = equity | 25 << 53 | (lap & 15) << 60;
    let mut slot = word.to_le_bytes().to_vec();
    slot.push((lap >> 4) as u8);
    cmd("SETRANGE").arg(&key).arg(minute % 2880 * 9).arg(slot).exec(redis).unwrap();
    cmd("SETRANGE").arg(&key).arg(96_000).arg(b"\x01").exec(redis).unwrap();
}

/// A sum that was paid in or, below 0, out.
pub fn payment(redis: &mut Connection, instance: &str, sum: f64) {
    let now = now_ms(redis);
    let fields = format!(
        "v=2 p=aaaaaaaaaaaaaaaa q=1 t={now} o=0 e=d id=0 pq=0 de=1 or=0 ki=p en=n sy= vo=0 px=0 pr={sum} sw=0 cm=0 mg=0 dg=2 co="
    );
    entry(redis, &format!("te:{{{instance}}}"), "*", &fields);
}

/// A signal of a source, with this number and entry id.
pub fn signal(redis: &mut Connection, source: &str, number: u64, id_ms: u64) {
    let before = number - 1;
    let fields = format!(
        "v=2 p=aaaaaaaaaaaaaaaa q={number} t={id_ms} o=0 i={source} a=b sy=EURUSD vo=0.1 pr=0 sl=0 tp=0 mg=0 po=0 ex=0 co= pq={before}"
    );
    entry(redis, &format!("ss:{{0}}:{source}"), &format!("{id_ms}-1"), &fields);
    cmd("ZADD").arg("sl:{0}").arg(id_ms).arg(source).exec(redis).unwrap();
}

/// What a follower did with it.
pub fn report(
    redis: &mut Connection,
    follower: &str,
    source: &str,
    number: u64,
    signal_ms: u64,
    reason: &str,
) {
    let now = now_ms(redis);
    let fields = format!(
        "v=2 p=bbbbbbbbbbbbbbbb q={number} t={now} o=0 i={follower} so={source} sp=aaaaaaaaaaaaaaaa sq={number} st={signal_ms} \
         a=b oc=s rc=0 re={} sy=EURUSD vw=0.1 vd=0 pw=0 pf=0 sg=0 la=0 mg=0 po=0 or=0 de=0 dg=5 pq=0",
        reason.replace(' ', "_")
    );
    let fields = fields.replace('_', "\u{a0}");
    entry(redis, &format!("sr:{{0}}:{follower}"), "*", &fields);
}

/// Adds an entry; a hard space stands for a space in a value.
fn entry(redis: &mut Connection, key: &str, id: &str, fields: &str) {
    let mut add = cmd("XADD");
    add.arg(key).arg(id);
    for (name, value) in fields.split(' ').filter_map(|pair| pair.split_once('=')) {
        add.arg(name).arg(value.replace('\u{a0}', " "));
    }
    add.exec(redis).unwrap();
}
