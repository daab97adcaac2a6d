//! Families of refresh tokens, and revocations, in SQL.

use super::{Connection, Row, fits, lock, skip_locked};
use crate::clock;
use crate::store::{
    CUT_OFF_RETENTION, FamilyQuery, RefreshTokenFamily, Revocation, RevocationPage,
    RevocationStatus,
    sql::{
        BATCH, Kind, PAGE, decode, from_digest, from_millis, from_number, from_seconds, from_text,
        revocation_digest, to_millis, to_number, to_seconds, to_seconds_up,
    },
};
use sqlx::Row as _;
use std::time::SystemTime;

/// Within a transaction.
pub(super) async fn begin_family(
    connection: &mut Connection,
    family: &RefreshTokenFamily,
) -> sqlx::Result<Option<u64>> {
    // Otherwise a family that begins while all of a subject are ended could be missed by that, and
    // not be told of it either.
    lock_subject(connection, &family.issuer, &family.subject).await?;
    let digest = revocation_digest(Kind::Subject, &family.issuer, &family.subject);
    let ended: Option<Option<i64>> =
        sqlx::query_scalar("SELECT begun FROM auth_revocations WHERE digest = $1")
            .bind(digest.as_slice())
            .fetch_optional(&mut *connection)
            .await?;
    let ended = ended.flatten().map(from_number);
    sqlx::query(
        "INSERT INTO auth_families \
         (id, issuer, subject, granted, begun, current_digest, rotated_at, expires_at, ends_at, \
         ended) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
    )
    .bind(&family.id)
    .bind(&family.issuer)
    .bind(&family.subject)
    .bind(&family.grant)
    .bind(to_number(family.begun_after(ended)))
    .bind(family.current.as_slice())
    .bind(to_millis(family.rotated_at))
    .bind(to_seconds(family.expires_at))
    .bind(to_seconds(family.ends_at))
    .bind(family.ended)
    .execute(connection)
    .await?;
    Ok(ended)
}

pub(super) async fn family(
    connection: &mut Connection,
    id: &str,
) -> sqlx::Result<Option<RefreshTokenFamily>> {
    let found = sqlx::query(
        "SELECT id, issuer, subject, granted, begun, current_digest, \
         rotated_at, expires_at, ends_at, ended \
         FROM auth_families WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?;
    found.as_ref().map(read_family).transpose()
}

fn read_family(row: &Row) -> sqlx::Result<RefreshTokenFamily> {
    Ok(RefreshTokenFamily {
        id: row.try_get(0)?,
        issuer: row.try_get(1)?,
        subject: row.try_get(2)?,
        grant: row.try_get(3)?,
        begun: from_number(row.try_get(4)?),
        current: from_digest(row.try_get(5)?)?,
        rotated_at: from_millis(row.try_get(6)?),
        expires_at: from_seconds(row.try_get(7)?),
        ends_at: from_seconds(row.try_get(8)?),
        ended: row.try_get(9)?,
    })
}

/// Returns one page of the families of a subject, the latest first.
pub(super) async fn families_of(
    connection: &mut Connection,
    query: FamilyQuery<'_>,
) -> sqlx::Result<Vec<RefreshTokenFamily>> {
    // No family begins later than the first page does.
    let (begun, id) = query
        .after
        .map_or((i64::MAX, None), |(begun, id)| (to_number(begun), Some(id)));
    let rows = sqlx::query(
        "SELECT id, issuer, subject, granted, begun, current_digest, \
         rotated_at, expires_at, ends_at, ended \
         FROM auth_families WHERE issuer = $1 AND subject = $2 AND ends_at > $3 \
         AND (begun < $4 OR (begun = $4 AND (id < $5 OR $5 IS NULL))) AND ($6 OR NOT ended) \
         ORDER BY begun DESC, id DESC LIMIT $7",
    )
    .bind(query.issuer)
    .bind(query.subject)
    .bind(to_seconds(query.now))
    .bind(begun)
    .bind(id)
    .bind(query.with_ended)
    .bind(i64::try_from(query.limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_family).collect()
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
        sqlx::query(
            "UPDATE auth_families SET ended = true, \
             ends_at = CASE WHEN ends_at < $3 THEN ends_at ELSE $3 END \
             WHERE id = $1 AND issuer = $2",
        )
        .bind(id)
        .bind(issuer)
        .bind(to_seconds_up(until))
        .execute(&mut *connection)
        .await?;
    }
    let revoked = Marks::until(until);
    remember(connection, Kind::Session, issuer, id, revoked).await
}

/// Within a transaction.
pub(super) async fn end_families_of(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
    cut_off: SystemTime,
    until: SystemTime,
) -> sqlx::Result<u64> {
    lock_subject(connection, issuer, subject).await?;
    let mut begun = clock::millis(cut_off);
    if fits([issuer, subject]) {
        end_families(connection, issuer, subject, u64::MAX, until).await?;
        let last: Option<i64> = sqlx::query_scalar(
            "SELECT max(begun) FROM auth_families WHERE issuer = $1 AND subject = $2",
        )
        .bind(issuer)
        .bind(subject)
        .fetch_one(&mut *connection)
        .await?;
        begun = begun.max(last.map_or(0, from_number));
    }
    let lasts = cut_off.checked_add(CUT_OFF_RETENTION).unwrap_or(until);
    let revoked = Marks {
        cut_off: Some(to_seconds(cut_off)),
        begun: Some(to_number(begun)),
        until: to_seconds_up(lasts.max(until)),
    };
    remember(connection, Kind::Subject, issuer, subject, revoked).await?;
    Ok(begun)
}

/// Ends the families of a subject that had begun by the given time.
async fn end_families(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
    begun: u64,
    until: SystemTime,
) -> sqlx::Result<()> {
    if fits([issuer, subject]) {
        sqlx::query(
            "UPDATE auth_families SET ended = true, \
             ends_at = CASE WHEN ends_at < $3 THEN ends_at ELSE $3 END \
             WHERE issuer = $1 AND subject = $2 AND begun <= $4 AND NOT ended",
        )
        .bind(issuer)
        .bind(subject)
        .bind(to_seconds_up(until))
        .bind(to_number(begun))
        .execute(connection)
        .await?;
    }
    Ok(())
}

async fn lock_subject(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
) -> sqlx::Result<()> {
    let [a, b, c, d, e, f, g, h, ..] = revocation_digest(Kind::Subject, issuer, subject);
    lock(connection, i64::from_be_bytes([a, b, c, d, e, f, g, h])).await
}

/// Stores a revocation. It has to be called within a transaction.
pub(super) async fn revoke(
    connection: &mut Connection,
    revocation: &Revocation,
) -> sqlx::Result<()> {
    let (kind, issuer, name, revoked) = match revocation {
        Revocation::Token { issuer, id, until } => (Kind::Token, issuer, id, Marks::until(*until)),
        Revocation::Session { issuer, id, until } => {
            return end_family(connection, issuer, id, *until).await;
        }
        Revocation::Subject {
            issuer,
            subject,
            cut_off,
            until,
        } => {
            let revoked = Marks {
                cut_off: Some(to_seconds(*cut_off)),
                ..Marks::until(*until)
            };
            (Kind::Subject, issuer, subject, revoked)
        }
        Revocation::Sessions {
            issuer,
            subject,
            begun,
            until,
        } => {
            lock_subject(connection, issuer, subject).await?;
            end_families(connection, issuer, subject, *begun, *until).await?;
            let revoked = Marks {
                begun: Some(to_number(*begun)),
                ..Marks::until(*until)
            };
            (Kind::Subject, issuer, subject, revoked)
        }
    };
    remember(connection, kind, issuer, name, revoked).await
}

/// The times of one row, as the database stores them.
struct Marks {
    cut_off: Option<i64>,
    begun: Option<i64>,
    until: i64,
}

impl Marks {
    fn until(until: SystemTime) -> Self {
        Self {
            cut_off: None,
            begun: None,
            until: to_seconds_up(until),
        }
    }
}

/// Stores a revocation. All of its times only ever move forward.
async fn remember(
    connection: &mut Connection,
    kind: Kind,
    issuer: &str,
    name: &str,
    revoked: Marks,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO auth_revocations (digest, kind, issuer, name, cut_off, begun, until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO UPDATE SET \
         cut_off = CASE WHEN excluded.cut_off IS NULL \
         OR auth_revocations.cut_off > excluded.cut_off \
         THEN auth_revocations.cut_off ELSE excluded.cut_off END, \
         begun = CASE WHEN excluded.begun IS NULL OR auth_revocations.begun > excluded.begun \
         THEN auth_revocations.begun ELSE excluded.begun END, \
         until = CASE WHEN auth_revocations.until > excluded.until \
         THEN auth_revocations.until ELSE excluded.until END",
    )
    .bind(revocation_digest(kind, issuer, name).as_slice())
    .bind(kind as i64)
    .bind(issuer.as_bytes())
    .bind(name.as_bytes())
    .bind(revoked.cut_off)
    .bind(revoked.begun)
    .bind(revoked.until)
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
) -> sqlx::Result<RevocationStatus> {
    let subject = revocation_digest(Kind::Subject, issuer, subject);
    let digest = |kind, name: Option<&str>| {
        name.map_or(subject, |name| revocation_digest(kind, issuer, name))
    };
    let rows = sqlx::query(
        "SELECT kind, cut_off, begun FROM auth_revocations WHERE digest IN ($1, $2, $3)",
    )
    .bind(subject.as_slice())
    .bind(digest(Kind::Token, token).as_slice())
    .bind(digest(Kind::Session, session).as_slice())
    .fetch_all(connection)
    .await?;
    let mut revoked = RevocationStatus::default();
    for row in &rows {
        let (cut_off, begun): (Option<i64>, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
        match kind(row.try_get(0)?)? {
            Kind::Token => revoked.token = true,
            Kind::Session => revoked.session = true,
            Kind::Subject => {
                revoked.cut_off = cut_off.map(from_seconds);
                revoked.begun = begun.map(from_number);
            }
        }
    }
    Ok(revoked)
}

/// Returns one page of revocations, in the order of their digests, after the given digest.
pub(super) async fn revocations(
    connection: &mut Connection,
    now: SystemTime,
    after: &[u8],
) -> sqlx::Result<RevocationPage> {
    let rows = sqlx::query(
        "SELECT kind, issuer, name, cut_off, begun, until, digest FROM auth_revocations \
         WHERE until > $1 AND digest > $2 ORDER BY digest LIMIT $3",
    )
    .bind(to_seconds(now))
    .bind(after)
    .bind(PAGE as i64)
    .fetch_all(connection)
    .await?;
    let last = rows.last().filter(|_| rows.len() >= PAGE);
    let mut page = RevocationPage {
        revocations: Vec::with_capacity(rows.len()),
        next: last.map(|row| row.try_get(6)).transpose()?,
    };
    for row in &rows {
        add_revocations(row, &mut page.revocations)?;
    }
    Ok(page)
}

fn add_revocations(row: &Row, page: &mut Vec<Revocation>) -> sqlx::Result<()> {
    let issuer = from_text(row.try_get(1)?)?;
    let id = from_text(row.try_get(2)?)?;
    let until = from_seconds(row.try_get(5)?);
    match kind(row.try_get(0)?)? {
        Kind::Token => page.push(Revocation::Token { issuer, id, until }),
        Kind::Session => page.push(Revocation::Session { issuer, id, until }),
        Kind::Subject => {
            let (cut_off, begun): (Option<i64>, Option<i64>) = (row.try_get(3)?, row.try_get(4)?);
            let (cut_off, begun) = (cut_off.map(from_seconds), begun.map(from_number));
            page.extend(Revocation::of_subject(&issuer, &id, cut_off, begun, until));
        }
    }
    Ok(())
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
