namespace TorchSharp;
/// <summary>x</summary>
public static class Placeholder { }
