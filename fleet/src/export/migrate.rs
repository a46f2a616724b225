//! The tables in PostgreSQL, in steps: a database that an earlier version made gets the steps that it lacks.

use anyhow::{Context, Result, ensure};
use postgres::Client;

/// Nothing but the end is ever added to.
const STEPS: [&str; 2] = [include_str!("sql/1.sql"), include_str!("sql/2.sql")];

/// Locks against other exports to the same database, while tables or rows are written. Any number will do.
pub const LOCK: &str = "SELECT pg_advisory_xact_lock(7814119263)";

/// Makes or completes the tables, in one transaction. A database of a later version is refused.
pub fn migrate(client: &mut Client) -> Result<()> {
    let mut transaction = client.transaction()?;
    transaction.execute(LOCK, &[])?;
    // Whoever may only write rows cannot run either statement, and need not.
    let known = "SELECT to_regclass('mt5redis.version') IS NOT NULL";
    if !transaction.query_one(known, &[])?.try_get::<_, bool>(0)? {
        transaction
            .batch_execute(
                "CREATE SCHEMA IF NOT EXISTS mt5redis; CREATE TABLE mt5redis.version (step integer NOT NULL);
                 INSERT INTO mt5redis.version VALUES (0)",
            )
            .context("cannot make the schema mt5redis")?;
    }
    let step: i32 = transaction.query_one("SELECT step FROM mt5redis.version", &[])?.try_get(0)?;
    let step = usize::try_from(step)?;
    ensure!(
        step <= STEPS.len(),
        "the tables are of step {step}, and this program knows {}: update mt5fleet",
        STEPS.len()
    );
    for (at, sql) in STEPS.iter().enumerate().skip(step) {
        transaction
            .batch_execute(sql)
            .with_context(|| format!("cannot make step {} of the tables", at + 1))?;
    }
    if step < STEPS.len() {
        transaction.execute("UPDATE mt5redis.version SET step = $1", &[&(STEPS.len() as i32)])?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::super::tables::{Kind, Table};
    use super::*;

    #[test]
    fn the_tables_have_the_columns_of_the_rows() {
        for table in Table::ALL {
            let columns = table.columns().iter().map(|(name, kind)| {
                let kind = match kind {
                    Kind::Text => "text",
                    Kind::Integer => "bigint",
                    Kind::Number => "double precision",
                    Kind::Time => "timestamptz",
                    Kind::Truth => "boolean",
                };
                format!("    {name} {kind},\n")
            });
            let key = table.columns()[..table.key()].iter().map(|(name, _)| *name).collect::<Vec<_>>();
            let expected = format!(
                "CREATE TABLE mt5redis.{} (\n{}    PRIMARY KEY ({})\n);\n",
                table.name(),
                columns.collect::<String>(),
                key.join(", ")
            );
            assert!(STEPS.concat().contains(&expected), "{expected}");
        }
    }
}
