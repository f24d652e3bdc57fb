namespace TorchSharp.Tests;
public class T { [Xunit.Fact] public void A() => Xunit.Assert.Equal(1, 1); }
