//! [`AttachedExtensions`]: values beside an identity in the extensions of a request.

use http::Extensions;

/// The values that a scheme or a loader has put beside the identity. A layer further inside
/// removes them together with the identity.
#[derive(Clone, Default)]
pub(crate) struct AttachedExtensions(Vec<fn(&mut Extensions)>);

impl AttachedExtensions {
    pub(crate) fn insert<T: Clone + Send + Sync + 'static>(extensions: &mut Extensions, value: T) {
        extensions.insert(value);
        let Self(all) = extensions.get_or_insert_default();
        all.push(|extensions| {
            extensions.remove::<T>();
        });
    }

    pub(crate) fn remove_all(extensions: &mut Extensions) {
        if let Some(Self(all)) = extensions.remove() {
            all.into_iter().for_each(|remove| remove(extensions));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_all_attached_values_and_no_others() {
        let mut extensions = Extensions::new();
        extensions.insert("the application's");
        AttachedExtensions::insert(&mut extensions, 1_u8);
        AttachedExtensions::insert(&mut extensions, 2_u16);
        AttachedExtensions::remove_all(&mut extensions);
        assert_eq!(extensions.get(), Some(&"the application's"));
        assert_eq!(extensions.len(), 1);
        // Nothing is left to remove a second time.
        extensions.insert(3_u8);
        AttachedExtensions::remove_all(&mut extensions);
        assert_eq!(extensions.get(), Some(&3_u8));
    }
}
