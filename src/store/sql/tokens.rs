//! Families of refresh tokens, and revocations, in SQL.

use super::{Connection, Row, fits, lock, skip_locked};
use crate::store::{
    CUT_OFF_LASTS, Family, NEAR_CUT_OFF, Revocation, RevocationPage, Revoked,
    sql::{
        BATCH, Kind, PAGE, decode, from_digest, from_millis, from_seconds, from_text,
        revocation_digest, to_millis, to_seconds, to_seconds_up,
    },
};
use sqlx::Row as _;
use std::time::SystemTime;

/// Within a transaction.
pub(super) async fn begin_family(
    connection: &mut Connection,
    family: &Family,
) -> sqlx::Result<Option<SystemTime>> {
    // Otherwise a family that begins while all of a subject are ended could be missed by that, and
    // not be told of it either.
    lock_subject(connection, &family.issuer, &family.subject).await?;
    sqlx::query(
        "INSERT INTO auth_families \
         (id, issuer, subject, granted, current_digest, rotated_at, expires_at, ends_at, ended) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(&family.id)
    .bind(&family.issuer)
    .bind(&family.subject)
    .bind(&family.grant)
    .bind(family.current.as_slice())
    .bind(to_millis(family.rotated_at))
    .bind(to_seconds(family.expires_at))
    .bind(to_seconds(family.ends_at))
    .bind(family.ended)
    .execute(&mut *connection)
    .await?;
    let digest = revocation_digest(Kind::Subject, &family.issuer, &family.subject);
    let cut_off: Option<Option<i64>> =
        sqlx::query_scalar("SELECT cut_off FROM auth_revocations WHERE digest = $1")
            .bind(digest.as_slice())
            .fetch_optional(connection)
            .await?;
    Ok(cut_off.flatten().map(from_seconds))
}

pub(super) async fn family(connection: &mut Connection, id: &str) -> sqlx::Result<Option<Family>> {
    let found = sqlx::query(
        "SELECT id, issuer, subject, granted, current_digest, \
         rotated_at, expires_at, ends_at, ended \
         FROM auth_families WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?;
    let family = |row: Row| {
        Ok(Family {
            id: row.try_get(0)?,
            issuer: row.try_get(1)?,
            subject: row.try_get(2)?,
            grant: row.try_get(3)?,
            current: from_digest(row.try_get(4)?)?,
            rotated_at: from_millis(row.try_get(5)?),
            expires_at: from_seconds(row.try_get(6)?),
            ends_at: from_seconds(row.try_get(7)?),
            ended: row.try_get(8)?,
        })
    };
    found.map(family).transpose()
}

pub(super) async fn rotate(
    connection: &mut Connection,
    family: &str,
    spent: [u8; 32],
    successor: [u8; 32],
    at: SystemTime,
    expires_at: SystemTime,
) -> sqlx::Result<bool> {
    let rotated = sqlx::query(
        "UPDATE auth_families SET current_digest = $3, rotated_at = $4, expires_at = $5 \
         WHERE id = $1 AND current_digest = $2 AND NOT ended",
    )
    .bind(family)
    .bind(spent.as_slice())
    .bind(successor.as_slice())
    .bind(to_millis(at))
    .bind(to_seconds(expires_at))
    .execute(connection)
    .await?;
    Ok(rotated.rows_affected() == 1)
}

/// Within a transaction.
pub(super) async fn end_family(
    connection: &mut Connection,
    issuer: &str,
    id: &str,
    until: SystemTime,
) -> sqlx::Result<()> {
    if fits([id, issuer]) {
        sqlx::query("UPDATE auth_families SET ended = true WHERE id = $1 AND issuer = $2")
            .bind(id)
            .bind(issuer)
            .execute(&mut *connection)
            .await?;
    }
    remember(connection, Kind::Session, issuer, id, None, until).await
}

/// Within a transaction.
pub(super) async fn end_families_of(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
    cut_off: SystemTime,
    until: SystemTime,
) -> sqlx::Result<Vec<String>> {
    lock_subject(connection, issuer, subject).await?;
    let mut revoked = Vec::new();
    if fits([issuer, subject]) {
        sqlx::query(
            "UPDATE auth_families SET ended = true \
             WHERE issuer = $1 AND subject = $2 AND NOT ended",
        )
        .bind(issuer)
        .bind(subject)
        .execute(&mut *connection)
        .await?;
        let near = cut_off.checked_sub(NEAR_CUT_OFF).unwrap_or(cut_off);
        revoked = sqlx::query_scalar(
            "SELECT id FROM auth_families \
             WHERE issuer = $1 AND subject = $2 AND rotated_at >= $3",
        )
        .bind(issuer)
        .bind(subject)
        .bind(to_millis(near))
        .fetch_all(&mut *connection)
        .await?;
        remember_sessions(connection, issuer, &revoked, until).await?;
    }
    let lasts = cut_off.checked_add(CUT_OFF_LASTS).unwrap_or(until);
    let cut_off = Some(to_seconds(cut_off));
    let lasts = lasts.max(until);
    remember(connection, Kind::Subject, issuer, subject, cut_off, lasts).await?;
    Ok(revoked)
}

/// Several at once: a subject may have thousands.
async fn remember_sessions(
    connection: &mut Connection,
    issuer: &str,
    sessions: &[String],
    until: SystemTime,
) -> sqlx::Result<()> {
    for batch in sessions.chunks(SESSIONS) {
        let mut insert = sqlx::QueryBuilder::<<Connection as sqlx::Connection>::Database>::new(
            "INSERT INTO auth_revocations (digest, kind, issuer, name, until) ",
        );
        insert.push_values(batch, |mut row, session| {
            row.push_bind(revocation_digest(Kind::Session, issuer, session).to_vec())
                .push_bind(Kind::Session as i64)
                .push_bind(issuer.as_bytes().to_vec())
                .push_bind(session.as_bytes().to_vec())
                .push_bind(to_seconds_up(until));
        });
        insert.push(
            " ON CONFLICT (digest) DO UPDATE SET \
             until = CASE WHEN auth_revocations.until > excluded.until \
             THEN auth_revocations.until ELSE excluded.until END",
        );
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Of five values each; a statement takes 32,766 in SQLite.
const SESSIONS: usize = 1000;

async fn lock_subject(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
) -> sqlx::Result<()> {
    let [a, b, c, d, e, f, g, h, ..] = revocation_digest(Kind::Subject, issuer, subject);
    lock(connection, i64::from_be_bytes([a, b, c, d, e, f, g, h])).await
}

pub(super) async fn revoke(
    connection: &mut Connection,
    revocation: &Revocation,
) -> sqlx::Result<()> {
    let (kind, issuer, name, cut_off, until) = match revocation {
        Revocation::Token { issuer, id, until } => (Kind::Token, issuer, id, None, until),
        Revocation::Session { issuer, id, until } => (Kind::Session, issuer, id, None, until),
        Revocation::Subject {
            issuer,
            subject,
            cut_off,
            until,
        } => (Kind::Subject, issuer, subject, Some(cut_off), until),
    };
    let cut_off = cut_off.copied().map(to_seconds);
    remember(connection, kind, issuer, name, cut_off, *until).await
}

/// Both times only ever move forward.
async fn remember(
    connection: &mut Connection,
    kind: Kind,
    issuer: &str,
    name: &str,
    cut_off: Option<i64>,
    until: SystemTime,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO auth_revocations (digest, kind, issuer, name, cut_off, until) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (digest) DO UPDATE SET \
         cut_off = CASE WHEN auth_revocations.cut_off > excluded.cut_off \
         THEN auth_revocations.cut_off ELSE excluded.cut_off END, \
         until = CASE WHEN auth_revocations.until > excluded.until \
         THEN auth_revocations.until ELSE excluded.until END",
    )
    .bind(revocation_digest(kind, issuer, name).as_slice())
    .bind(kind as i64)
    .bind(issuer.as_bytes())
    .bind(name.as_bytes())
    .bind(cut_off)
    .bind(to_seconds_up(until))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn revoked(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
    token: Option<&str>,
    session: Option<&str>,
) -> sqlx::Result<Revoked> {
    let subject = revocation_digest(Kind::Subject, issuer, subject);
    let digest = |kind, name: Option<&str>| {
        name.map_or(subject, |name| revocation_digest(kind, issuer, name))
    };
    let rows =
        sqlx::query("SELECT kind, cut_off FROM auth_revocations WHERE digest IN ($1, $2, $3)")
            .bind(subject.as_slice())
            .bind(digest(Kind::Token, token).as_slice())
            .bind(digest(Kind::Session, session).as_slice())
            .fetch_all(connection)
            .await?;
    let mut revoked = Revoked::default();
    for row in &rows {
        let cut_off: Option<i64> = row.try_get(1)?;
        match kind(row.try_get(0)?)? {
            Kind::Token => revoked.token = true,
            Kind::Session => revoked.session = true,
            Kind::Subject => revoked.cut_off = cut_off.map(from_seconds),
        }
    }
    Ok(revoked)
}

/// One page of revocations, in the order of their digests, which come after this one.
pub(super) async fn revocations(
    connection: &mut Connection,
    now: SystemTime,
    after: &[u8],
) -> sqlx::Result<RevocationPage> {
    let rows = sqlx::query(
        "SELECT kind, issuer, name, cut_off, until, digest FROM auth_revocations \
         WHERE until > $1 AND digest > $2 ORDER BY digest LIMIT $3",
    )
    .bind(to_seconds(now))
    .bind(after)
    .bind(PAGE as i64)
    .fetch_all(connection)
    .await?;
    let last = rows.last().filter(|_| rows.len() >= PAGE);
    let last = last.map(|row| row.try_get(5)).transpose()?;
    let page: sqlx::Result<Vec<_>> = rows.iter().map(revocation).collect();
    Ok(RevocationPage {
        revocations: page?,
        next: last,
    })
}

fn revocation(row: &Row) -> sqlx::Result<Revocation> {
    let issuer = from_text(row.try_get(1)?)?;
    let name = from_text(row.try_get(2)?)?;
    let cut_off: Option<i64> = row.try_get(3)?;
    let until = from_seconds(row.try_get(4)?);
    Ok(match kind(row.try_get(0)?)? {
        Kind::Token => Revocation::Token {
            issuer,
            id: name,
            until,
        },
        Kind::Session => Revocation::Session {
            issuer,
            id: name,
            until,
        },
        Kind::Subject => Revocation::Subject {
            issuer,
            subject: name,
            cut_off: from_seconds(cut_off.unwrap_or(0)),
            until,
        },
    })
}

fn kind(kind: i64) -> sqlx::Result<Kind> {
    [Kind::Token, Kind::Session, Kind::Subject]
        .into_iter()
        .find(|known| *known as i64 == kind)
        .ok_or_else(|| decode("a revocation of a kind that is not known"))
}

/// Deletes one batch; says how many rows there were.
pub(super) async fn purge_families(
    connection: &mut Connection,
    now: SystemTime,
) -> sqlx::Result<u64> {
    let purged = sqlx::query(concat!(
        "WITH due AS (SELECT id FROM auth_families WHERE ends_at <= $1 LIMIT $2",
        skip_locked!(),
        ") DELETE FROM auth_families WHERE id IN (SELECT id FROM due)",
    ))
    .bind(to_seconds(now))
    .bind(BATCH as i64)
    .execute(connection)
    .await?;
    Ok(purged.rows_affected())
}

/// Deletes one batch; says how many rows there were.
pub(super) async fn purge_revocations(
    connection: &mut Connection,
    now: SystemTime,
) -> sqlx::Result<u64> {
    let purged = sqlx::query(concat!(
        "WITH due AS (SELECT digest FROM auth_revocations WHERE until <= $1 LIMIT $2",
        skip_locked!(),
        ") DELETE FROM auth_revocations WHERE digest IN (SELECT digest FROM due)",
    ))
    .bind(to_seconds(now))
    .bind(BATCH as i64)
    .execute(connection)
    .await?;
    Ok(purged.rows_affected())
}
