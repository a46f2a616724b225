//! The data we write stays in the compact encodings that `deploy/shapes.conf` is sized for.

mod support;

use redis::Connection;
use support::servers;

const RIS: usize = 0;
const RTS: usize = 1;

fn connect(url: &str) -> Connection {
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

/// The longest texts that the library takes.
fn longest(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// The longest records that the library accepts keep the compact encodings.
#[test]
fn hashes_stay_listpacks_and_sets_of_positions_intsets() {
    let servers = servers();
    let [ris, rts, _] = servers.urls();
    let mut connections = [connect(&ris), connect(&rts)];
    let mut encoding_of = |lane: usize, key: &str, write: &mut redis::Cmd| -> String {
        write.exec(&mut connections[lane]).unwrap();
        redis::cmd("OBJECT").arg("ENCODING").arg(key).query(&mut connections[lane]).unwrap()
    };

    // 39 fields, with numbers as long as they get.
    let texts = [("sv", 64), ("co", 96), ("cu", 16), ("ag", 48)];
    let mut instance = redis::cmd("HSET");
    instance.arg("is:{1.Demo}");
    let numbers =
        "v p q t o lg ac ba eq mg mf ml pr cr le cn at et aa ae hd vp pi po or bu iv tw sw rf th ta sa tl sl";
    numbers.split(' ').for_each(|name| {
        instance.arg(name).arg("-2.2250738585072014e-308");
    });
    texts.iter().for_each(|&(name, length)| {
        instance.arg(name).arg(longest(length));
    });
    assert_eq!(encoding_of(RIS, "is:{1.Demo}", &mut instance), "listpack");

    // 25 fields.
    let mut trade = redis::cmd("HSET");
    trade.arg("ts:{1.Demo}:1");
    "v p q t o e st sd vo vc po pc px sl tp pr sw cm mg ti to tc dg".split(' ').for_each(|name| {
        trade.arg(name).arg("-2.2250738585072014e-308");
    });
    trade.arg("sy").arg(longest(48)).arg("co").arg(longest(96));
    assert_eq!(encoding_of(RTS, "ts:{1.Demo}:1", &mut trade), "listpack");

    // One packed value: every number of nine bytes, every text with its two or three of length.
    for (lane, key, bytes) in [
        (RIS, "is:{2.Demo}", 35 * 9 + 16 + 64 + 96 + 16 + 48 + 20),
        (RTS, "ts:{2.Demo}:1", 23 * 9 + 16 + 48 + 96 + 12),
    ] {
        let mut packed = redis::cmd("HSET");
        packed.arg(key).arg("d").arg(longest(bytes));
        assert_eq!(encoding_of(lane, key, &mut packed), "listpack", "{bytes} bytes in one value");
    }

    let mut open = redis::cmd("SADD");
    open.arg("to:{1.Demo}");
    (0..500).for_each(|position| {
        open.arg(i64::MAX - position);
    });
    assert_eq!(encoding_of(RTS, "to:{1.Demo}", &mut open), "intset");
}

/// The reason for the limits in `deploy/shapes.conf`.
#[test]
fn a_listpack_takes_less_than_half_of_a_hash_table() {
    let servers = servers();
    let mut connection = connect(&servers.urls()[RTS]);
    let mut memory = |key: &str, limit: u32| -> u64 {
        redis::cmd("CONFIG")
            .arg("SET")
            .arg("hash-max-listpack-entries")
            .arg(limit)
            .exec(&mut connection)
            .unwrap();
        let mut hash = redis::cmd("HSET");
        hash.arg(key);
        (0..25).for_each(|field| {
            hash.arg(format!("f{field}")).arg("1.10345");
        });
        hash.exec(&mut connection).unwrap();
        redis::cmd("MEMORY").arg("USAGE").arg(key).query(&mut connection).unwrap()
    };
    let (compact, table) = (memory("compact", 64), memory("table", 0));
    // A third in Redis; Valkey 8.1 has smaller tables.
    assert!(compact * 2 < table, "{compact} bytes as a listpack, {table} as a table");
}
