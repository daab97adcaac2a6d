//! Families of refresh tokens, and revocations, in memory.

use super::{MemoryStore, Within, extend, ready, within};
use crate::{
    Verdict,
    store::{
        CUT_OFF_LASTS, Family, NEAR_CUT_OFF, Names, Revocation, RevocationPage, Revoked, Rotation,
        TokenStore,
    },
};
use std::{collections::HashMap, time::SystemTime};

impl TokenStore for MemoryStore {
    fn begin_family(&self, family: &Family) -> Verdict<Option<SystemTime>> {
        let mut tables = self.tables();
        tables.families.insert(family.id.clone(), family.clone());
        let subject = within(&family.issuer, &family.subject);
        ready(tables.subjects.get(&subject).map(|(cut_off, _)| *cut_off))
    }

    fn family(&self, id: &str) -> Verdict<Option<Family>> {
        ready(self.tables().families.get(id).cloned())
    }

    fn rotate(&self, rotation: Rotation<'_>) -> Verdict<bool> {
        let mut tables = self.tables();
        let family = tables.families.get_mut(rotation.family);
        let family = family.filter(|family| !family.ended && family.current == *rotation.spent);
        ready(
            family
                .map(|family| {
                    family.current = *rotation.successor;
                    family.rotated_at = rotation.at;
                    family.expires_at = rotation.expires_at;
                })
                .is_some(),
        )
    }

    fn end_family(&self, issuer: &str, id: &str, until: SystemTime) -> Verdict<()> {
        let mut tables = self.tables();
        let family = tables.families.get_mut(id);
        if let Some(family) = family.filter(|family| family.issuer == issuer) {
            family.ended = true;
        }
        extend(&mut tables.sessions, within(issuer, id), until);
        ready(())
    }

    fn end_families_of(
        &self,
        issuer: &str,
        subject: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Verdict<Vec<String>> {
        let mut tables = self.tables();
        let near = cut_off.checked_sub(NEAR_CUT_OFF).unwrap_or(cut_off);
        let mut revoked = Vec::new();
        for family in tables.families.values_mut() {
            if family.issuer == issuer && family.subject == subject {
                family.ended = true;
                if family.rotated_at >= near {
                    revoked.push(family.id.clone());
                }
            }
        }
        for id in &revoked {
            extend(&mut tables.sessions, within(issuer, id), until);
        }
        let lasts = cut_off.checked_add(CUT_OFF_LASTS).unwrap_or(until);
        tables.cut_off(within(issuer, subject), cut_off, lasts.max(until));
        ready(revoked)
    }

    fn revoke(&self, revocation: &Revocation) -> Verdict<()> {
        let mut tables = self.tables();
        match revocation {
            Revocation::Token { issuer, id, until } => {
                extend(&mut tables.tokens, within(issuer, id), *until);
            }
            Revocation::Session { issuer, id, until } => {
                extend(&mut tables.sessions, within(issuer, id), *until);
            }
            Revocation::Subject {
                issuer,
                subject,
                cut_off,
                until,
            } => tables.cut_off(within(issuer, subject), *cut_off, *until),
        }
        ready(())
    }

    fn revoked(&self, names: Names<'_>) -> Verdict<Revoked> {
        let tables = self.tables();
        let is_in = |table: &HashMap<Within, SystemTime>, name: Option<&str>| {
            name.is_some_and(|name| table.contains_key(&within(names.issuer, name)))
        };
        let cut_off = tables.subjects.get(&within(names.issuer, names.subject));
        ready(Revoked {
            token: is_in(&tables.tokens, names.token),
            session: is_in(&tables.sessions, names.session),
            cut_off: cut_off.map(|(cut_off, _)| *cut_off),
        })
    }

    /// All in one page: they are in memory in any case.
    fn revocations(&self, now: SystemTime, _: Option<&[u8]>) -> Verdict<RevocationPage> {
        let tables = self.tables();
        let needed = |until: &SystemTime| *until > now;
        let tokens = tables.tokens.iter().filter(|(_, until)| needed(until));
        let tokens = tokens.map(|((issuer, id), until)| Revocation::Token {
            issuer: issuer.clone(),
            id: id.clone(),
            until: *until,
        });
        let sessions = tables.sessions.iter().filter(|(_, until)| needed(until));
        let sessions = sessions.map(|((issuer, id), until)| Revocation::Session {
            issuer: issuer.clone(),
            id: id.clone(),
            until: *until,
        });
        let subjects = tables
            .subjects
            .iter()
            .filter(|(_, (_, until))| needed(until));
        let subjects = subjects.map(
            |((issuer, subject), (cut_off, until))| Revocation::Subject {
                issuer: issuer.clone(),
                subject: subject.clone(),
                cut_off: *cut_off,
                until: *until,
            },
        );
        ready(RevocationPage {
            revocations: tokens.chain(sessions).chain(subjects).collect(),
            next: None,
        })
    }

    fn purge_tokens(&self, now: SystemTime) -> Verdict<u64> {
        let mut tables = self.tables();
        let before = tables.token_rows();
        tables.families.retain(|_, family| family.ends_at > now);
        tables.tokens.retain(|_, until| *until > now);
        tables.sessions.retain(|_, until| *until > now);
        tables.subjects.retain(|_, (_, until)| *until > now);
        ready(before.saturating_sub(tables.token_rows()) as u64)
    }
}
