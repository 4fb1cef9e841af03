use std::borrow::Cow;
use std::marker::PhantomData;

use serde::de::value::CowStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::super::EnvelopeError;

/// Reads a body whose keys may be in any case, for vendors whose own documents disagree.
pub fn any_case<'b, T: Deserialize<'b>>(
    format: &'static str,
    body: &'b [u8],
) -> Result<T, EnvelopeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    AnyCase::<T>::deserialize(&mut deserializer)
        .and_then(|read| deserializer.end().map(|()| read.0))
        .map_err(|error| EnvelopeError::Json { format, error: error.to_string() })
}

/// The same for an object within: null and absent are none.
pub fn any_case_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let read = Option::<AnyCase<T>>::deserialize(deserializer)?;
    Ok(read.map(|read| read.0))
}

/// A value of which the keys may be in any case.
pub struct AnyCase<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AnyCase<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(Object(deserializer)).map(Self)
    }
}

/// Hands a struct its own spelling of each key.
struct Object<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Object<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Keys { fields, visitor, data: PhantomData::<&'de ()> })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Keys<'de, V> {
    fields: &'static [&'static str],
    visitor: V,
    data: PhantomData<&'de ()>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Keys<'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Spelled { fields: self.fields, map, met: Vec::new() })
    }
}

struct Spelled<A> {
    fields: &'static [&'static str],
    map: A,
    /// Two spellings of one key in one object are no error: the first counts.
    met: Vec<&'static str>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Spelled<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<Cow<'de, str>>()? {
            let field = self.fields.iter().find(|field| field.eq_ignore_ascii_case(&key));
            match field {
                Some(field) if !self.met.contains(field) => {
                    self.met.push(field);
                    let spelled = CowStrDeserializer::new(Cow::Borrowed(*field));
                    return seed.deserialize(spelled).map(Some);
                }
                _ => {
                    self.map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
