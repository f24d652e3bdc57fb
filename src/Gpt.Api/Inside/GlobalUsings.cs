// The F# library, whose namespace encloses this one: its types are written Core.Name wherever the facade has one of that name.
global using Core = Gpt;
